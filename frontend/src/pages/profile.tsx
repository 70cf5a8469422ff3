// Your account, and what the user service has heard of your orders.
import { useQuery } from '@tanstack/react-query';
import { profile as load } from '../api/client';
import type { Profile } from '../api/contract';
import { formatDay, formatMoney, formatNumber } from '../lib/format';
import { keys } from '../queries';
import { NameChange, PasswordChange } from '../ui/account';
import { Figure } from '../ui/amount';
import { Entry, Rule } from '../ui/entry';
import { Bar, Loading } from '../ui/loading';
import { Moment } from '../ui/moment';
import { Page } from '../ui/page';
import { Sessions } from '../ui/sessions';
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
      <dl className="mb-12 grid max-w-3xl gap-x-10 sm:grid-cols-2">
        <Figure term={orderCount === 1 ? 'order placed' : 'orders placed'}>{formatNumber(orderCount)}</Figure>
        <Figure term="total spent">{formatMoney(totalSpent)}</Figure>
      </dl>
      <dl className="grid max-w-3xl gap-x-10 sm:grid-cols-2">
        <Entry term="E-mail address">{email}</Entry>
        <Entry term="Account created">
          <Moment time={createdAt} format={formatDay} />
        </Entry>
        <Entry term="Status">{isActive ? 'Active' : 'Closed: cannot sign in'}</Entry>
      </dl>
      <p className="mt-6 max-w-prose text-soft text-sm">
        The user service derives these figures from the order service’s events. They may lag by a moment.
      </p>
      <div className="mt-10 max-w-3xl">
        <NameChange profile={profile} />
        <PasswordChange email={email} />
      </div>
      <Sessions />
    </Page>
  );
}
