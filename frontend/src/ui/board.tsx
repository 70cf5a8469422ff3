// The drawing of the system: a line from this page by the gateway to the broker, and from there a track per pattern.
import type { ReactNode } from 'react';
import type { ListenerState } from '../api/contract';
import { gateway } from '../api/send';
import type { Service } from '../lib/topology';
import { ListenerRow, PatternRow } from './board-row';

interface Props {
  broker: boolean;
  services: Service[];
  listeners: ListenerState[];
}

export function Board({ broker, services, listeners }: Props) {
  return (
    <div
      className="tiles -mx-4 border-ink border-y-[3px] bg-plate px-4 py-6 sm:mx-0 sm:rounded-key sm:border-x-[3px] sm:px-8"
      data-broker={broker}
    >
      <ol className="relative">
        <Line whole />
        <Stop name="This page">looks at it all the time</Stop>
        <Stop name="Gateway">{gateway}</Stop>
      </ol>
      <div className="relative">
        <Line whole={broker} />
        <ul>
          <Stop name="Broker" lamp={broker ? 'bg-clear' : 'border-stop! bg-plate'}>
            {broker ? (
              'RabbitMQ, connected'
            ) : (
              <strong className="text-stop-ink">is away: the gateway tries to reach it</strong>
            )}
          </Stop>
        </ul>
        {services.map(({ name, patterns }) => (
          <Section key={name} name={name} columns={['waiting', 'per second', 'median', '99 %']}>
            {patterns.map((state) => (
              <PatternRow key={state.pattern} state={state} broker={broker} />
            ))}
          </Section>
        ))}
        {listeners.length > 0 && (
          <Section name="events" columns={['waiting', 'given up']}>
            {listeners.map((state) => (
              <ListenerRow key={state.listener} state={state} broker={broker} />
            ))}
          </Section>
        )}
      </div>
    </div>
  );
}

interface SectionProps {
  name: string;
  columns: string[];
  children: ReactNode;
}

function Section({ name, columns, children }: SectionProps) {
  return (
    <section aria-labelledby={`section-${name}`} className="pl-8 sm:pl-14">
      <div className="flex items-end justify-between gap-x-4 pt-6 pb-1 lg:grid lg:grid-cols-(--board-columns)">
        <h2 id={`section-${name}`} className="text-xl capitalize lg:col-span-2">
          {name}
        </h2>
        {columns.map((column) => (
          <Head key={column}>{column}</Head>
        ))}
      </div>
      <ul>{children}</ul>
    </section>
  );
}

/** The columns' names; each figure has its own for those who listen. */
function Head({ children }: { children: string }) {
  return (
    <span aria-hidden="true" className="hidden text-right font-plate text-sm text-soft lg:block">
      {children}
    </span>
  );
}

/** The line down the side. */
function Line({ whole }: { whole: boolean }) {
  return (
    <span
      aria-hidden="true"
      className={`absolute top-3 -bottom-3 left-[9px] w-[3px] ${whole ? 'bg-ink' : 'bg-seam'}`}
    />
  );
}

function Stop({ name, lamp = 'bg-clear', children }: { name: string; lamp?: string; children: ReactNode }) {
  return (
    <li className="relative flex flex-wrap items-baseline gap-x-4 py-1.5 pl-8 leading-snug sm:pl-14">
      <span aria-hidden="true" className={`lamp absolute top-2 left-0 size-[21px]! border-3! ${lamp}`} />
      <span className="font-plate font-semibold text-xl">{name}</span>
      <span className="text-sm text-soft">{children}</span>
    </li>
  );
}
