// The board: every pattern with its queue, its workers and what moves, as the gateway knows it right now.
import type { SystemState } from '../api/contract';
import { formatClock, formatNumber } from '../lib/format';
import { away, total } from '../lib/topology';
import { Board } from '../ui/board';
import { KeyLink } from '../ui/key';
import { Bar, Loading } from '../ui/loading';
import { Page } from '../ui/page';
import { SystemNews } from '../ui/system-news';
import { problemIn, Trouble } from '../ui/trouble';
import { useSystem } from '../ui/use-system';

export function System() {
  const { query, outage } = useSystem();
  const problem = problemIn(query);
  const asOf = formatClock(query.dataUpdatedAt);
  return (
    <Page title="System" aside={query.data && <Summary state={query.data} outage={outage} asOf={asOf} />}>
      {query.data ? (
        <>
          <SystemNews state={query.data} outage={outage} />
          <Board state={query.data} outage={outage} asOf={asOf} />
        </>
      ) : problem?.status === 401 ? (
        <SignInFirst />
      ) : problem ? (
        <Trouble query={query} retrying />
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

function Summary({ state, outage, asOf }: { state: SystemState; outage: string | null; asOf: string }) {
  const { workers, waiting } = total([...state.patterns, ...state.listeners]);
  const [first, ...others] = outage ? [] : away(state);
  const more = others.length > 0 ? ` and ${others.length} more` : '';
  return (
    <div className="w-full sm:w-auto sm:min-w-72">
      {/* Always one line: what is below stays where it is. */}
      <p className={`mb-2 flex items-center gap-2 ${outage || first ? 'font-semibold text-stop-ink' : 'text-soft'}`}>
        <span className={`lamp shrink-0 ${outage || first ? 'border-stop!' : 'bg-clear'}`} aria-hidden="true" />
        <span className="truncate">
          {outage ? `Not updating: as of ${asOf}` : first ? `Down: ${first}${more}` : 'Live: updates every second'}
        </span>
      </p>
      <dl className={`grid grid-cols-[auto_auto_1fr] gap-x-5 font-plate sm:gap-x-8 ${outage ? 'text-soft' : ''}`}>
        <Sum term="patterns">{state.patterns.length}</Sum>
        <Sum term={workers === 1 ? 'worker' : 'workers'}>{workers}</Sum>
        <Sum term="waiting">{waiting}</Sum>
      </dl>
    </div>
  );
}

function Sum({ term, children }: { term: string; children: number | null }) {
  return (
    <div className="flex flex-col-reverse">
      <dt className="text-soft leading-tight">{term}</dt>
      <dd className="whitespace-nowrap font-semibold text-2xl leading-none tabular-nums sm:text-3xl">
        {children === null ? (
          <>
            <span aria-hidden="true">–</span>
            <span className="sr-only">unknown</span>
          </>
        ) : (
          formatNumber(children)
        )}
      </dd>
    </div>
  );
}

/** This gateway shows its board to members only. */
function SignInFirst() {
  return (
    <>
      <p className="mb-8 max-w-prose text-soft">This gateway shows the system only to people who are signed in.</p>
      <KeyLink to="/login" state={{ from: '/system' }}>
        Sign in
      </KeyLink>
    </>
  );
}
