// One track of the board: a queue, the messages on their way, its workers, its figures.
import type { ReactNode } from 'react';
import type { ListenerState, PatternState } from '../api/contract';
import { formatMs, formatNumber, formatRate } from '../lib/format';
import { movement, plural } from '../lib/topology';

const MOST_LAMPS = 8;
const MOST_BLOCKS = 10;

/** A pattern: somebody asks, and waits for the answer. */
export function PatternRow({ state, broker }: { state: PatternState; broker: boolean }) {
  const { pattern, workers, waiting, ratePerSecond, latencyMs } = state;
  return (
    <Row name={pattern} workers={workers} waiting={waiting} rate={ratePerSecond} broker={broker}>
      <Figure term="per second">{formatRate(ratePerSecond)}</Figure>
      <Figure term="median" unit="ms">
        {latencyMs && formatMs(latencyMs.p50)}
      </Figure>
      <Figure term="99 %" unit="ms">
        {latencyMs && formatMs(latencyMs.p99)}
      </Figure>
    </Row>
  );
}

/** A listener: it hears an event, and nobody waits for it. */
export function ListenerRow({ state, broker }: { state: ListenerState; broker: boolean }) {
  const { listener, workers, waiting, dead } = state;
  return (
    <Row name={listener} workers={workers} waiting={waiting} rate={0} broker={broker}>
      <Figure term="given up">
        {dead ? <strong className="text-stop-ink">{formatNumber(dead)}</strong> : dead === 0 ? '0' : null}
      </Figure>
    </Row>
  );
}

interface RowProps {
  name: string;
  workers: number | null;
  waiting: number | null;
  rate: number;
  broker: boolean;
  children: ReactNode;
}

function Row({ name, workers, waiting, rate, broker, children }: RowProps) {
  return (
    <li
      data-pattern={name}
      data-workers={workers ?? 'unknown'}
      className="relative grid grid-cols-[1fr_auto] items-center gap-x-4 gap-y-1 py-2.5 lg:grid-cols-(--board-columns)"
    >
      <span className="contents lg:flex lg:items-center lg:gap-3">
        <Siding />
        <span className="font-semibold leading-tight">{name}</span>
        <Line served={broker && workers !== 0} known={workers !== null} waiting={waiting ?? 0} rate={rate} />
      </span>
      <Workers count={workers} />
      <dl className="max-lg:col-span-2 max-lg:grid max-lg:grid-cols-4 max-lg:gap-x-3 max-lg:text-sm lg:contents">
        <Figure term="waiting">{waiting === null ? null : formatNumber(waiting)}</Figure>
        {children}
      </dl>
    </li>
  );
}

interface LineProps {
  served: boolean;
  known: boolean;
  waiting: number;
  rate: number;
}

/** The track itself: whole when somebody serves, broken when nobody does; amber is what moves or waits on it. */
function Line({ served, known, waiting, rate }: LineProps) {
  const { messages, seconds } = movement(served ? rate : 0);
  return (
    <span
      aria-hidden="true"
      className="@container relative col-span-2 row-start-2 block h-3.5 flex-1 overflow-hidden lg:-mr-4"
    >
      <span className={`absolute top-[5.5px] w-full ${served && known ? 'track' : 'track-broken'}`} />
      {Array.from({ length: messages }, (_, number) => (
        <span
          key={number}
          className="absolute top-[2.5px] left-[-1.25rem] h-[9px] w-5 animate-travel rounded-full bg-amber ring-2 ring-ink ring-inset"
          style={{ animationDuration: `${seconds}s`, animationDelay: `${(-seconds * number) / messages}s` }}
        />
      ))}
      <span className="absolute right-0 flex gap-0.5">
        {Array.from({ length: Math.min(waiting, MOST_BLOCKS) }, (_, number) => (
          <span key={number} className="h-3.5 w-2.5 border-2 border-ink bg-amber" />
        ))}
      </span>
    </span>
  );
}

/** Where the track leaves the line from the broker. */
function Siding() {
  return (
    <span
      aria-hidden="true"
      className="absolute top-0 -left-[calc(2rem-9px)] h-[23px] w-[calc(2rem-17px)] rounded-bl-[16px] border-ink border-b-[3px] border-l-[3px] sm:-left-[calc(3.5rem-9px)] sm:w-[calc(3.5rem-17px)]"
    />
  );
}

function Workers({ count }: { count: number | null }) {
  if (count === null) return <span className="text-right text-soft lg:text-left">unknown</span>;
  if (count === 0) {
    return (
      <span className="flex items-center gap-2 font-semibold text-stop-ink">
        <span className="lamp border-stop!" aria-hidden="true" />
        nobody serves
      </span>
    );
  }
  return (
    <span className="flex items-center justify-end gap-1.5 lg:justify-start">
      <span className="flex gap-1" aria-hidden="true">
        {Array.from({ length: Math.min(count, MOST_LAMPS) }, (_, number) => (
          <span key={number} className="lamp animate-lit bg-clear" />
        ))}
      </span>
      <span className="text-soft text-sm">{plural(count)}</span>
    </span>
  );
}

function Figure({ term, unit, children }: { term: string; unit?: string; children: ReactNode }) {
  return (
    <div className="lg:text-right">
      <dt className="font-plate text-soft lg:sr-only">{term}</dt>
      <dd className="tabular-nums">
        {children ?? <span className="text-soft">–</span>}
        {children && unit ? <span className="text-soft text-sm"> {unit}</span> : null}
      </dd>
    </div>
  );
}
