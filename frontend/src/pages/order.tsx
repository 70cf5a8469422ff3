// One order, as its receipt.
import { useQuery } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { Link, useLocation, useParams } from 'react-router';
import { order as load } from '../api/client';
import type { OrderDetail as Detail } from '../api/contract';
import { formatMoment, formatMoney } from '../lib/format';
import { keys } from '../queries';
import { Notice } from '../ui/alert';
import { Entry, Rule } from '../ui/entry';
import { KeyLink } from '../ui/key';
import { Bar, Loading } from '../ui/loading';
import { Page } from '../ui/page';
import { BrokenLine, problemIn, Stale, Trouble } from '../ui/trouble';

/** How often to look for the customer. */
const TRIES = 6;

export function OrderDetail() {
  const { id = '' } = useParams();
  const query = useQuery({
    queryKey: keys.order(id),
    queryFn: ({ signal }) => load(id, signal),
    // Who ordered is heard by event, within moments after an account was opened.
    refetchInterval: ({ state }) =>
      state.data && !state.data.customer && state.dataUpdateCount < TRIES ? 1_000 : false,
  });
  const problem = problemIn(query);
  if (query.data) {
    return (
      <>
        <Stale query={query} />
        <Receipt order={query.data} />
      </>
    );
  }
  if (problem?.status === 404 || problem?.code === 'invalid_input') {
    return (
      <Refused title="There is no such order">Perhaps the address is not complete. Orders are never removed.</Refused>
    );
  }
  if (problem?.status === 403) {
    return <Refused title="This is somebody else’s order">Only the one who placed an order can see it.</Refused>;
  }
  return (
    <Page title="Order">
      {problem ? (
        <Trouble query={query} />
      ) : (
        <Loading what="the order">
          <Bar width={60} />
          <Bar width={40} />
          <Bar width={50} />
        </Loading>
      )}
    </Page>
  );
}

function Receipt({ order }: { order: Detail }) {
  const placed = (useLocation().state as { placed?: boolean } | null)?.placed;
  return (
    <Page
      title={order.title}
      aside={<p className="font-plate font-semibold text-4xl tabular-nums">{formatMoney(order.price)}</p>}
    >
      {placed && (
        <div className="mb-8">
          <Notice>
            <span className="lamp mr-3 bg-clear" aria-hidden="true" />
            Placed. It is on the record, once.
          </Notice>
        </div>
      )}
      <p className="max-w-prose whitespace-pre-wrap text-lg">{order.description}</p>
      <Rule />
      <dl className="grid max-w-3xl gap-x-10 sm:grid-cols-2">
        <Entry term="Placed">
          <time dateTime={order.createdAt}>{formatMoment(order.createdAt)}</time>
        </Entry>
        {order.updatedAt !== order.createdAt && (
          <Entry term="Last changed">
            <time dateTime={order.updatedAt}>{formatMoment(order.updatedAt)}</time>
          </Entry>
        )}
        <Entry term="Your reference">{order.orderReference || <span className="text-soft">None given</span>}</Entry>
        <Entry term="Customer">
          {order.customer ? (
            <>
              {order.customer.firstName} {order.customer.lastName}
              <br />
              <span className="text-soft">{order.customer.email}</span>
            </>
          ) : (
            <span className="text-soft">Not known to the order service yet</span>
          )}
        </Entry>
        <Entry term="Number">
          <span className="font-mono text-xs">{order.id}</span>
        </Entry>
      </dl>
      <p className="mt-10">
        <Link to="/orders" className="underline underline-offset-4">
          All your orders
        </Link>
      </p>
    </Page>
  );
}

function Refused({ title, children }: { title: string; children: ReactNode }) {
  return (
    <Page title={title}>
      <BrokenLine />
      <p className="mt-6 mb-8 max-w-prose text-soft">{children}</p>
      <KeyLink to="/orders" plain>
        To your orders
      </KeyLink>
    </Page>
  );
}
