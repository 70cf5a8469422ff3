// The rows of the board: a pattern, a listener, a relay, a database.
import { memo, type ReactNode } from 'react';
import type { DatabaseState, ListenerState, PatternState, RelayState } from '../api/contract';
import { formatDuration, formatLatency, formatNumber, formatRate } from '../lib/format';
import { plural, publishes } from '../lib/topology';
import { Name, Siding, Track, Workers } from './board-track';
import { Sparkline } from './sparkline';

/** `known`: whether the figures are those of now. */
interface Shared {
  known: boolean;
  /** Whether there is a line to the broker. */
  broker: boolean;
}

/** A pattern: somebody asks, and waits for the answer. */
export const PatternRow = memo(function PatternRow({ state, ...shared }: { state: PatternState } & Shared) {
  const { pattern, workers, waiting, circuitOpen, ratePerSecond, latencyMs, history } = state;
  const silent = circuitOpen && workers;
  return (
    <Row
      name={pattern}
      workers={workers}
      {...(silent ? { served: false, words: `${plural(workers)}, no replies` } : {})}
      waiting={waiting}
      rate={ratePerSecond}
      {...shared}
    >
      <Cell term="waiting">{number(waiting)}</Cell>
      <Cell term="per second">{formatRate(ratePerSecond)}</Cell>
      <Cell term="p50">{latencyMs && formatLatency(latencyMs.p50)}</Cell>
      <Cell term="p99">{latencyMs && formatLatency(latencyMs.p99)}</Cell>
      <td role="cell" className="col-span-full flex items-center justify-end xl:col-span-1">
        <Sparkline history={history} />
      </td>
    </Row>
  );
});

/** A listener: it hears an event, and nobody waits for it. */
export const ListenerRow = memo(function ListenerRow({ state, ...shared }: { state: ListenerState } & Shared) {
  const { listener, workers, waiting, retrying, dead } = state;
  return (
    <Row name={listener} workers={workers} waiting={waiting} rate={0} {...shared}>
      <Cell term="waiting">{number(waiting)}</Cell>
      <Cell term="retrying">{number(retrying)}</Cell>
      <Cell term="dead-lettered" wide>
        {dead ? <strong className="text-stop-ink">{formatNumber(dead)}</strong> : number(dead)}
      </Cell>
      {dead ? (
        <td role="cell" className="col-span-full text-sm text-soft">
          Show them with <code className="select-all font-mono text-xs">signalbox dead show {listener}</code>
        </td>
      ) : null}
    </Row>
  );
});

/** A relay: it publishes the events that a service has recorded. One process does, the others stand by. */
export const RelayRow = memo(function RelayRow({ state, ...shared }: { state: RelayState } & Shared) {
  const { relay, workers, standby, unpublished, oldestUnpublishedS } = state;
  const publishing = publishes(state);
  return (
    <Row
      name={relay}
      workers={workers}
      served={publishing}
      waiting={unpublished}
      rate={0}
      words={
        workers && standby !== null
          ? `${publishing ? '1 leader' : 'no leader'}, ${formatNumber(standby)} standby`
          : undefined
      }
      {...shared}
    >
      <Cell term="unpublished" wide>
        {number(unpublished)}
      </Cell>
      <Cell term="oldest" wide>
        {oldestUnpublishedS === null ? null : formatDuration(oldestUnpublishedS * 1_000)}
      </Cell>
    </Row>
  );
});

export function DatabaseRow({ state: { database, reachable }, known }: { state: DatabaseState; known: boolean }) {
  const lamp = !known || reachable === null ? 'border-edge!' : reachable ? 'bg-clear' : 'border-stop!';
  return (
    <tr role="row" data-database={database} data-reachable={reachable ?? 'unknown'} className={ROW}>
      <th role="rowheader" scope="row" className="col-span-5 text-left font-semibold leading-tight xl:col-span-1">
        {database}
      </th>
      <td role="cell" className="col-span-3 flex items-center justify-end gap-2 xl:col-span-1 xl:justify-start">
        <span className={`lamp ${lamp}`} aria-hidden="true" />
        <span className={known && reachable === false ? 'font-semibold text-stop-ink' : 'text-soft text-sm'}>
          {reachable === null ? 'unknown' : reachable ? 'reachable' : 'unreachable'}
        </span>
      </td>
    </tr>
  );
}

const ROW = 'relative grid grid-cols-8 items-center gap-x-2 gap-y-1 py-2.5 xl:grid-cols-(--board-columns) xl:gap-x-4';

interface RowProps extends Shared {
  name: string;
  workers: number | null;
  /** Whether the work is done; by default when there are workers. */
  served?: boolean | null;
  waiting: number | null;
  rate: number;
  /** The workers in words, where their number does not say it all. */
  words?: string | undefined;
  children: ReactNode;
}

function Row({
  name,
  workers,
  served = workers === null ? null : workers > 0,
  waiting,
  rate,
  words,
  broker,
  known,
  children,
}: RowProps) {
  return (
    <tr
      role="row"
      data-pattern={name}
      data-workers={workers ?? 'unknown'}
      className={`${ROW} ${known ? '' : 'text-soft'}`}
    >
      <th role="rowheader" scope="row" className="contents text-left xl:flex xl:items-center xl:gap-3">
        <Siding />
        <span className="col-span-5 font-semibold leading-tight max-xl:col-start-1 max-xl:row-start-1">
          <Name>{name}</Name>
        </span>
        <Track served={known && broker ? Boolean(served) : null} waiting={waiting ?? 0} rate={rate} />
      </th>
      <td
        role="cell"
        className={`col-span-3 text-right max-xl:col-start-6 max-xl:row-start-1 xl:col-span-1 xl:text-left ${known && served === false ? 'text-stop-ink' : ''}`}
      >
        <Workers count={workers} known={known} {...(words ? { words } : {})} />
      </td>
      {children}
    </tr>
  );
}

const number = (value: number | null) => (value === null ? null : formatNumber(value));

/** One figure. Its column's name stands beside it where there are no columns. */
function Cell({ term, wide, children }: { term: string; wide?: boolean; children: ReactNode }) {
  return (
    <td
      role="cell"
      className={`${wide ? 'col-span-4' : 'col-span-2 max-[22rem]:col-span-4'} text-sm leading-tight xl:col-span-1 xl:text-right xl:text-base`}
    >
      <span aria-hidden="true" className="block font-plate text-soft xl:hidden">
        {term}
      </span>
      <span className="whitespace-nowrap tabular-nums">
        {children ?? (
          <span className="text-soft">
            <span aria-hidden="true">–</span>
            <span className="sr-only">unknown</span>
          </span>
        )}
      </span>
    </td>
  );
}
