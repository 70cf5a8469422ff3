// What is drawn of a row of the board: its track with what moves and waits on it, and the lamps of its workers.
import { Fragment } from 'react';
import { formatNumber } from '../lib/format';
import { movement } from '../lib/topology';

const MOST_BLOCKS = 10;

interface TrackProps {
  /** Whether somebody serves; null while nobody can tell. */
  served: boolean | null;
  waiting: number;
  rate: number;
}

/** The track: whole when somebody serves, broken when nobody does or nobody knows; amber is what moves or waits on it. */
export function Track({ served, waiting, rate }: TrackProps) {
  const { messages, seconds } = movement(served ? rate : 0);
  return (
    <span
      aria-hidden="true"
      className="@container relative col-span-full row-start-2 block h-3.5 flex-1 overflow-hidden xl:-mr-4"
    >
      <span className={`absolute top-[5.5px] w-full ${served ? 'track' : 'track-broken'}`} />
      {Array.from({ length: messages }, (_, number) => (
        <span
          key={number}
          className="absolute top-[2.5px] left-[-1.25rem] h-[9px] w-5 animate-travel rounded-full bg-amber ring-2 ring-ink ring-inset"
          style={{ animationDuration: `${seconds}s`, animationDelay: `${(-seconds * number) / messages}s` }}
        />
      ))}
      <span className="absolute right-0 flex gap-0.5">
        {Array.from({ length: Math.min(waiting, MOST_BLOCKS) }, (_, number) => (
          <span key={number} className="rail h-3.5 w-2.5 border-2 border-ink bg-amber" />
        ))}
      </span>
    </span>
  );
}

/** Where the track leaves the line from the broker. */
export function Siding() {
  return (
    <span
      aria-hidden="true"
      className="absolute top-0 -left-[calc(2rem-9px)] h-[23px] w-[calc(2rem-17px)] rounded-bl-[16px] border-ink border-b-[3px] border-l-[3px] sm:-left-[calc(3.5rem-9px)] sm:w-[calc(3.5rem-17px)]"
    />
  );
}

/** Lamps for so many workers, lit when they are known to be there; and in words. */
export function Workers({ count, known, words }: { count: number | null; known: boolean; words?: string }) {
  if (count === null) return <span className="text-soft">unknown</span>;
  if (count === 0) {
    return (
      <span className={`inline-flex items-center gap-2 ${known ? 'font-semibold text-stop-ink' : ''}`}>
        <span className={`lamp ${known ? 'border-stop!' : 'border-edge!'}`} aria-hidden="true" />
        no workers
      </span>
    );
  }
  const lamps = count > 99 ? 3 : Math.min(count, 5);
  return (
    <span className="inline-flex flex-wrap items-center justify-end gap-1.5">
      <span className="flex gap-1" aria-hidden="true">
        {Array.from({ length: lamps }, (_, number) => (
          <span key={number} className={`lamp ${known ? 'animate-lit bg-clear' : 'border-edge!'}`} />
        ))}
      </span>
      <span className={`text-soft text-sm ${words ? 'leading-tight' : 'whitespace-nowrap'}`}>
        {words ?? `${formatNumber(count)} ${count === 1 ? 'worker' : 'workers'}`}
      </span>
    </span>
  );
}

/** A name of the system, which may go on in the next line after a dot or an underscore. */
export function Name({ children }: { children: string }) {
  return children.split(/(?<=[._])/).map((part, index) => (
    <Fragment key={index}>
      {index > 0 && <wbr />}
      {part}
    </Fragment>
  ));
}
