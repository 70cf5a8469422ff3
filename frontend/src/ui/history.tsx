// What happened to an order after it was placed: recorded, published, applied, with the time of each.
import { useQuery } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { history as load } from '../api/client';
import type { EventHistory, ListenerHistory, OrderHistory } from '../api/contract';
import { formatClock, formatDay, formatMoment } from '../lib/format';
import { keys } from '../queries';
import { Loading } from './loading';
import { Moment } from './moment';
import { problemIn, Trouble } from './trouble';

/** How often to look while something is still to come, and how many times. */
const LOOK_MS = 1_000;
const LOOKS = 30;

export function History({ id }: { id: string }) {
  const query = useQuery({
    queryKey: keys.history(id),
    queryFn: ({ signal }) => load(id, signal),
    refetchInterval: ({ state }) =>
      state.data && isUnderWay(state.data) && state.dataUpdateCount < LOOKS ? LOOK_MS : false,
  });
  const problem = problemIn(query);
  return (
    <section aria-labelledby="history" className="screen-only mt-12 max-w-3xl">
      <h2 id="history" className="text-2xl">
        What happened
      </h2>
      <div className="mt-4 min-h-44">
        {query.data ? (
          <Steps history={query.data} />
        ) : problem ? (
          <Trouble query={query} />
        ) : (
          <Loading what="what happened">{null}</Loading>
        )}
      </div>
    </section>
  );
}

/** Whether a look in a moment may show more. What cannot be published, or is not known, does not change by waiting. */
function isUnderWay({ events }: OrderHistory): boolean {
  return events.some(
    ({ publishedAt, failedAt, listeners }) =>
      !failedAt && (!publishedAt || listeners.some(({ status }) => status === 'waiting')),
  );
}

function Steps({ history: { recordedAt, events } }: { history: OrderHistory }) {
  return (
    <>
      <ol className="relative before:absolute before:top-4 before:bottom-4 before:left-[5px] before:w-[3px] before:bg-seam">
        <Step is="done" at={recordedAt} begun={recordedAt}>
          Order recorded
        </Step>
        {events.map((event) => (
          <EventSteps key={event.id} event={event} begun={recordedAt} />
        ))}
      </ol>
      {events.length === 0 && (
        <p className="mt-2 max-w-prose text-soft">
          What happened afterwards is no longer recorded: events are kept for a limited time.
        </p>
      )}
    </>
  );
}

function EventSteps({ event, begun }: { event: EventHistory; begun: string }) {
  const { name, recordedAt, publishedAt, failedAt, listeners } = event;
  return (
    <>
      {/* The first event is recorded with the order. */}
      {Date.parse(recordedAt) - Date.parse(begun) > 1_000 && (
        <Step is="done" at={recordedAt} begun={begun}>
          <Name>{name}</Name> recorded
        </Step>
      )}
      {publishedAt ? (
        <Step is="done" at={publishedAt} begun={begun}>
          <Name>{name}</Name> published
        </Step>
      ) : failedAt ? (
        <Step is="failed" at={failedAt} begun={begun}>
          <Name>{name}</Name> cannot be published: an operator must look into it
        </Step>
      ) : (
        <Step is="waiting" begun={begun}>
          <Name>{name}</Name> not published yet
        </Step>
      )}
      {listeners.map((listener) => (
        <ListenerStep key={listener.name} listener={listener} begun={begun} />
      ))}
    </>
  );
}

function ListenerStep({ listener: { name, status, appliedAt }, begun }: { listener: ListenerHistory; begun: string }) {
  if (appliedAt) {
    return (
      <Step is="done" at={appliedAt} begun={begun}>
        Applied by <Name>{name}</Name>
      </Step>
    );
  }
  return (
    <Step is={status === 'waiting' ? 'waiting' : 'unknown'} begun={begun}>
      {status === 'waiting' ? 'Not applied yet by ' : 'Unknown whether applied by '}
      <Name>{name}</Name>
    </Step>
  );
}

const Name = ({ children }: { children: string }) => <span className="font-mono text-sm">{children}</span>;

const LAMPS = {
  done: 'bg-clear',
  waiting: 'bg-plate',
  failed: 'border-stop! bg-plate',
  unknown: 'border-edge! bg-plate',
};

interface StepProps {
  is: keyof typeof LAMPS;
  /** When it was done; absent where it is not. */
  at?: string;
  /** When the order was recorded: a step of the same day needs no date. */
  begun: string;
  children: ReactNode;
}

function Step({ is, at, begun, children }: StepProps) {
  const format = at && formatDay(at) === formatDay(begun) ? formatClock : formatMoment;
  return (
    <li data-step={is} className="relative flex flex-wrap items-baseline justify-between gap-x-6 py-1.5 pl-8">
      <span aria-hidden="true" className={`lamp absolute top-3 left-0 ${LAMPS[is]}`} />
      <span className={`min-w-0 ${is === 'done' ? '' : 'text-soft'}`}>{children}</span>
      {at && <Moment time={at} format={format} className="text-soft tabular-nums" />}
    </li>
  );
}
