// The board: every kind of message with its queue, its workers and what moves, as the gateway knows it right now.
import { useQuery } from '@tanstack/react-query';
import { system as load } from '../api/client';
import type { SystemState } from '../api/contract';
import { byService, total } from '../lib/topology';
import { keys } from '../queries';
import { Board } from '../ui/board';
import { Bar, Loading } from '../ui/loading';
import { Page } from '../ui/page';
import { BrokenLine, problemIn, Stale, Trouble } from '../ui/trouble';
import { WorkerNews } from '../ui/worker-news';

/** The gateway counts at most a second ago; asked this often, a new worker is here within two. */
const LOOK_MS = 700;

export function System() {
  const query = useQuery({
    queryKey: keys.system,
    queryFn: ({ signal }) => load(signal),
    refetchInterval: ({ state }) => (state.error ? false : LOOK_MS),
    meta: { quiet: true },
    staleTime: 0,
  });
  const problem = problemIn(query);
  return (
    <Page title="The system, now" tab="System" aside={query.data && <Summary state={query.data} />}>
      {query.data ? (
        <>
          <Stale query={query} />
          <WorkerNews state={query.data} />
          <Board
            broker={query.data.broker}
            services={byService(query.data.patterns)}
            listeners={query.data.listeners ?? []}
          />
        </>
      ) : problem?.status === 404 ? (
        <Absent />
      ) : problem ? (
        <Trouble query={query} />
      ) : (
        <Loading what="the system">
          {[80, 95, 70, 90].map((width) => (
            <Bar key={width} width={width} />
          ))}
        </Loading>
      )}
    </Page>
  );
}

function Summary({ state }: { state: SystemState }) {
  const { workers, waiting } = total([...state.patterns, ...(state.listeners ?? [])]);
  return (
    <dl className="flex gap-8 font-plate">
      <Sum term="kinds of message">{state.patterns.length + (state.listeners?.length ?? 0)}</Sum>
      <Sum term={workers === 1 ? 'worker' : 'workers'}>{workers}</Sum>
      <Sum term="waiting">{waiting}</Sum>
    </dl>
  );
}

function Sum({ term, children }: { term: string; children: number | null }) {
  return (
    <div className="flex flex-col-reverse">
      <dt className="text-soft leading-tight">{term}</dt>
      <dd className="font-semibold text-3xl leading-none tabular-nums">{children ?? '?'}</dd>
    </div>
  );
}

function Absent() {
  return (
    <>
      <BrokenLine />
      <p className="mt-6 max-w-prose text-soft">This gateway does not tell its topology.</p>
    </>
  );
}
