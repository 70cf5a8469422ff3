// The drawing of the system: a line from this page by the gateway to the broker, and from there a track per pattern. What is
// drawn is a table to those who listen: its parts name their roles, which browsers forget when they are laid out as a grid.
import type { ReactNode } from 'react';
import type { SystemState } from '../api/contract';
import { byService, inOrder } from '../lib/topology';
import { DatabaseRow, ListenerRow, PatternRow, RelayRow } from './board-row';

interface Props {
  state: SystemState;
  /** What is wrong with the gateway; null while the state is that of now. */
  outage: string | null;
  /** When the state was so, in words. */
  asOf: string;
}

export function Board({ state, outage, asOf }: Props) {
  const { broker, patterns, listeners, relays, databases, windowS } = state;
  const known = outage === null;
  const row = { broker, known };
  return (
    <div
      className="tiles -mx-4 border-ink border-y-[3px] bg-plate px-4 py-6 sm:mx-0 sm:rounded-key sm:border-x-[3px] sm:px-8"
      data-broker={known ? broker : 'unknown'}
      data-known={known}
    >
      <ol className="relative">
        <Line whole={known} />
        <Stop name="This page">{known ? 'updates every second' : `shows the state of ${asOf}`}</Stop>
        <Stop name="Gateway" is={known ? 'up' : 'down'}>
          {known ? 'connected' : outage}
        </Stop>
      </ol>
      <div className="relative">
        <Line whole={known && broker} />
        <ul>
          <Stop name="Broker" is={known ? (broker ? 'up' : 'down') : 'unknown'}>
            {!known ? 'unknown' : broker ? 'RabbitMQ, connected' : 'unreachable, reconnecting'}
          </Stop>
        </ul>
        {services(patterns, windowS).map(({ name, columns, patterns }) => (
          <Section key={name} name={name} first="Pattern" columns={columns}>
            {patterns.map((state) => (
              <PatternRow key={state.pattern} state={state} {...row} />
            ))}
          </Section>
        ))}
        {listeners.length > 0 && (
          <Section name="events" first="Listener" columns={['waiting', 'retrying', 'dead-lettered']}>
            {inOrder(listeners, 'listener').map((state) => (
              <ListenerRow key={state.listener} state={state} {...row} />
            ))}
          </Section>
        )}
        {relays.length > 0 && (
          <Section name="relays" first="Relay" columns={['unpublished', 'oldest']}>
            {inOrder(relays, 'relay').map((state) => (
              <RelayRow key={state.relay} state={state} {...row} />
            ))}
          </Section>
        )}
      </div>
      {databases.length > 0 && (
        <Section name="databases" first="Database" second="State" columns={[]}>
          {inOrder(databases, 'database').map((state) => (
            <DatabaseRow key={state.database} state={state} known={known} />
          ))}
        </Section>
      )}
    </div>
  );
}

function services(patterns: SystemState['patterns'], windowS: number) {
  const columns = ['waiting', 'per second', `p50 (${windowS} s)`, `p99 (${windowS} s)`, 'last 5 min'];
  return byService(patterns).map((service) => ({ ...service, columns }));
}

interface SectionProps {
  name: string;
  /** What the rows are. */
  first: string;
  second?: string;
  columns: string[];
  children: ReactNode;
}

function Section({ name, first, second = 'Workers', columns, children }: SectionProps) {
  return (
    <section aria-labelledby={`section-${name}`} className="pl-8 sm:pl-14">
      <h2 id={`section-${name}`} className="pt-6 pb-1 text-xl capitalize">
        {name}
      </h2>
      <table role="table" aria-labelledby={`section-${name}`} className="block">
        <thead role="rowgroup" className={columns.length > 0 ? 'block max-xl:sr-only' : 'sr-only'}>
          <tr
            role="row"
            className="grid items-end gap-x-4 pb-1 font-plate text-sm text-soft leading-tight xl:-mt-8 xl:grid-cols-(--board-columns)"
          >
            <th role="columnheader" scope="col" className="text-left font-normal">
              <span className="sr-only">{first}</span>
            </th>
            <th role="columnheader" scope="col" className="text-left font-normal">
              <span className="sr-only">{second}</span>
            </th>
            {columns.map((column) => (
              <th key={column} role="columnheader" scope="col" className="text-right font-normal">
                {column}
              </th>
            ))}
          </tr>
        </thead>
        <tbody role="rowgroup" className="block">
          {children}
        </tbody>
      </table>
    </section>
  );
}

/** The line down the side. */
function Line({ whole }: { whole: boolean }) {
  return (
    <span
      aria-hidden="true"
      className={`rail absolute top-3 -bottom-3 left-[9px] w-[3px] ${whole ? 'bg-ink' : 'bg-seam'}`}
    />
  );
}

type Is = 'up' | 'down' | 'unknown';
const LAMPS: Record<Is, string> = { up: 'bg-clear', down: 'border-stop! bg-plate', unknown: 'border-edge! bg-plate' };

function Stop({ name, is = 'up', children }: { name: string; is?: Is; children: ReactNode }) {
  return (
    <li className="relative flex flex-wrap items-baseline gap-x-4 py-1.5 pl-8 leading-snug sm:pl-14" data-is={is}>
      <span aria-hidden="true" className={`lamp absolute top-2 left-0 size-[21px]! border-3! ${LAMPS[is]}`} />
      <span className="font-plate font-semibold text-xl">{name}</span>
      <span className={is === 'down' ? 'font-semibold text-sm text-stop-ink' : 'text-sm text-soft'}>{children}</span>
    </li>
  );
}
