// Your account, and what the user service has heard of your orders.
import { useQuery } from '@tanstack/react-query';
import { profile as load } from '../api/client';
import type { Profile } from '../api/contract';
import { formatDay, formatMoney, formatNumber } from '../lib/format';
import { keys } from '../queries';
import { Entry, Rule } from '../ui/entry';
import { Bar, Loading } from '../ui/loading';
import { Page } from '../ui/page';
import { problemIn, Stale, Trouble } from '../ui/trouble';

/** The figures follow the orders within moments. */
const LOOK_MS = 3_000;

export function ProfilePage() {
  const query = useQuery({
    queryKey: keys.profile,
    queryFn: ({ signal }) => load(signal),
    refetchInterval: LOOK_MS,
    meta: { quiet: true },
  });
  if (query.data) {
    return (
      <>
        <Stale query={query} />
        <Card profile={query.data} />
      </>
    );
  }
  return (
    <Page title="Profile">
      {problemIn(query) ? (
        <Trouble query={query} />
      ) : (
        <Loading what="your profile">
          <Bar width={40} />
          <Bar width={30} />
        </Loading>
      )}
    </Page>
  );
}

function Card({ profile }: { profile: Profile }) {
  const { firstName, lastName, email, isActive, createdAt, orderCount, totalSpent } = profile;
  return (
    <Page title={`${firstName} ${lastName}`} tab="Profile">
      <Rule />
      <dl className="mb-12 grid max-w-3xl grid-cols-2 gap-x-10">
        <Figure term={orderCount === 1 ? 'order placed' : 'orders placed'}>{formatNumber(orderCount)}</Figure>
        <Figure term="spent in all">{formatMoney(totalSpent)}</Figure>
      </dl>
      <dl className="grid max-w-3xl gap-x-10 sm:grid-cols-2">
        <Entry term="E-mail address">{email}</Entry>
        <Entry term="Account opened">
          <time dateTime={createdAt}>{formatDay(createdAt)}</time>
        </Entry>
        <Entry term="State">{isActive ? 'Active' : 'Closed: it cannot sign in'}</Entry>
      </dl>
      <p className="mt-10 max-w-prose text-soft text-sm">
        The figures are kept by the user service from events the order service sends. They may be a moment behind.
      </p>
    </Page>
  );
}

function Figure({ term, children }: { term: string; children: string }) {
  return (
    <div className="flex flex-col-reverse border-seam border-b py-4">
      <dt className="text-soft">{term}</dt>
      <dd className="font-plate font-semibold text-4xl tabular-nums sm:text-6xl">{children}</dd>
    </div>
  );
}
