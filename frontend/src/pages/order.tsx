// One order, as its receipt.
import { useQuery } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { Link, useLocation, useParams } from 'react-router';
import { order as load } from '../api/client';
import type { OrderDetail as Detail } from '../api/contract';
import { formatMoment } from '../lib/format';
import { keys } from '../queries';
import { Notice } from '../ui/alert';
import { Amount } from '../ui/amount';
import { Copy, curlOf } from '../ui/copy';
import { Entry, Rule } from '../ui/entry';
import { History } from '../ui/history';
import { KeyLink } from '../ui/key';
import { Bar, Loading } from '../ui/loading';
import { Moment } from '../ui/moment';
import { Page } from '../ui/page';
import { BrokenLine, problemIn, Stale, Trouble } from '../ui/trouble';

/** The customer's name follows the account by event, within moments. */
const LOOK_MS = 3_000;

export function OrderDetail() {
  const { id = '' } = useParams();
  const query = useQuery({
    queryKey: keys.order(id),
    queryFn: ({ signal }) => load(id, signal),
    refetchInterval: ({ state }) => (state.data ? LOOK_MS : false),
    meta: { quiet: true },
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
    return <Refused title="Order not found">The address may be incomplete. Orders are never deleted.</Refused>;
  }
  if (problem?.status === 403) {
    return (
      <Refused title="This order belongs to someone else">Only the person who placed an order can see it.</Refused>
    );
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
      aside={
        <p className="font-plate font-semibold text-3xl sm:text-4xl">
          <Amount value={order.price} />
        </p>
      }
    >
      {placed && (
        <div className="mb-8">
          <Notice>
            <span className="lamp mr-3 bg-clear" aria-hidden="true" />
            Order placed.
          </Notice>
        </div>
      )}
      <p dir="auto" className="max-w-prose whitespace-pre-wrap text-lg">
        {order.description}
      </p>
      <Rule />
      <dl className="grid max-w-3xl gap-x-10 sm:grid-cols-2">
        <Entry term="Placed">
          <Moment time={order.createdAt} format={formatMoment} />
        </Entry>
        {order.updatedAt !== order.createdAt && (
          <Entry term="Last changed">
            <Moment time={order.updatedAt} format={formatMoment} />
          </Entry>
        )}
        <Entry term="Your reference">
          {order.orderReference ? <bdi>{order.orderReference}</bdi> : <span className="text-soft">None given</span>}
        </Entry>
        <Entry term="Customer" lines={2}>
          {order.customer ? (
            <>
              <bdi>
                {order.customer.firstName} {order.customer.lastName}
              </bdi>
              <br />
              <span className="text-soft">{order.customer.email}</span>
            </>
          ) : (
            <span className="text-soft">
              Not available yet: the order service learns of new accounts within moments
            </span>
          )}
        </Entry>
        <Entry term="Order ID">
          <span className="select-all font-mono text-xs">{order.id}</span>
        </Entry>
      </dl>
      <p className="screen-only mt-6 flex flex-wrap gap-x-6 text-sm">
        <Copy text={order.id}>Copy ID</Copy>
        <Copy text={`${window.location.origin}/orders/${order.id}`}>Copy link</Copy>
        <Copy text={curlOf(`/orders/${order.id}`)}>Copy as curl</Copy>
      </p>
      <History id={order.id} />
      <p className="screen-only mt-10">
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
        Go to your orders
      </KeyLink>
    </Page>
  );
}
