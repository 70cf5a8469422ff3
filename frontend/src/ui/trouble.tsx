// Stands where something should be that could not be had: what is wrong, and what happens next.
import type { UseQueryResult } from '@tanstack/react-query';
import { Problem } from '../api/problem';
import { formatClock } from '../lib/format';
import { wordsFor } from '../lib/words';
import { RequestId } from './form';
import { Key } from './key';

type Query = Pick<UseQueryResult, 'error' | 'failureReason' | 'fetchStatus' | 'refetch' | 'dataUpdatedAt'>;

/** The problem of a query, already while it is still being tried again. */
export function problemIn(query: Pick<Query, 'error' | 'failureReason'>): Problem | null {
  const reason = query.error ?? query.failureReason;
  if (!reason) return null;
  if (reason instanceof Problem) return reason;
  return new Problem({ status: 0, code: 'page', message: 'This page cannot read what the gateway sent.' });
}

/** `retrying`: it is asked again whatever the query says. */
export function Trouble({ query, retrying = false }: { query: Query; retrying?: boolean }) {
  const problem = problemIn(query);
  if (!problem) return null;
  const { title, detail } = wordsFor(problem);
  const trying = retrying || query.fetchStatus === 'fetching';
  return (
    <section role="alert" className="max-w-2xl">
      <BrokenLine />
      <h2 className="mt-6 text-2xl">{title}</h2>
      <p className="mt-2 text-soft">
        {detail} {trying ? 'Retrying automatically.' : ''}
      </p>
      <div className="mt-6">
        <Key onPress={() => void query.refetch({ cancelRefetch: true })}>Try again now</Key>
      </div>
      <RequestId problem={problem} />
    </section>
  );
}

/** What is shown is there, but not fresh. It lies over the page's lower edge: nothing that one reads moves. */
export function Stale({ query }: { query: Query }) {
  const problem = problemIn(query);
  if (!problem) return null;
  return (
    <div
      role="alert"
      data-stale=""
      className="fixed inset-x-2 bottom-2 z-4 mx-auto flex max-w-3xl flex-wrap items-center gap-x-6 gap-y-1 rounded-key border-2 border-stop bg-plate px-4 py-2.5 sm:px-5 print:static print:mb-6"
    >
      <div className="min-w-0">
        <p>
          <strong className="font-semibold">{wordsFor(problem).title}.</strong> Showing the state as of{' '}
          {formatClock(query.dataUpdatedAt)}.
        </p>
        <RequestId problem={problem} />
      </div>
      <button
        type="button"
        className="underline underline-offset-4"
        onClick={() => void query.refetch({ cancelRefetch: true })}
      >
        Try again now
      </button>
    </div>
  );
}

export function BrokenLine() {
  return (
    <div className="flex max-w-md items-center" aria-hidden="true">
      <span className="track flex-1" />
      <span className="lamp mx-2 size-5! border-3! border-stop!" />
      <span className="track-broken flex-1" />
    </div>
  );
}
