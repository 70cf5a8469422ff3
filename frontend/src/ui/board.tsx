// The drawing of the system: a line from this page by the gateway to the broker, and from there a track per pattern.
import type { ReactNode } from 'react';
import { gateway } from '../api/send';
import type { Service } from '../lib/topology';
import { BoardRow } from './board-row';

export function Board({ broker, services }: { broker: boolean; services: Service[] }) {
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
        {services.map((service) => (
          <section key={service.name} aria-labelledby={`service-${service.name}`} className="pl-8 sm:pl-14">
            <div className="flex items-end justify-between gap-x-4 pt-6 pb-1 lg:grid lg:grid-cols-(--board-columns)">
              <h2 id={`service-${service.name}`} className="text-xl capitalize lg:col-span-2">
                {service.name}
              </h2>
              <Head>waiting</Head>
              <Head>per second</Head>
              <Head>median</Head>
              <Head>99 %</Head>
            </div>
            <ul>
              {service.patterns.map((state) => (
                <BoardRow key={state.pattern} state={state} broker={broker} />
              ))}
            </ul>
          </section>
        ))}
      </div>
    </div>
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
