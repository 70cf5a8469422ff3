// Your orders, newest first: stops on a line that grows at its head.
import { useInfiniteQuery } from '@tanstack/react-query';
import { Link } from 'react-router';
import { orders as load } from '../api/client';
import type { Order } from '../api/contract';
import type { FeedState } from '../api/feed';
import { formatMoney, formatShort } from '../lib/format';
import { allOrders } from '../lib/pages';
import { keys } from '../queries';
import { useFeed } from '../ui/feed';
import { Key, KeyLink } from '../ui/key';
import { Bar, Loading } from '../ui/loading';
import { Page } from '../ui/page';
import { problemIn, Stale, Trouble } from '../ui/trouble';

/** How often to look where there is no feed. */
const LOOK_MS = 5_000;

export function Orders() {
  const { state } = useFeed();
  const query = useInfiniteQuery({
    queryKey: keys.orders,
    queryFn: ({ pageParam, signal }) => load(pageParam, signal),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next,
    refetchInterval: state === 'absent' ? LOOK_MS : false,
  });
  const list = allOrders(query.data);
  return (
    <Page title="Your orders" aside={<KeyLink to="/orders/new">New order</KeyLink>}>
      {query.data ? (
        <>
          <Stale query={query} />
          <Live state={state} />
          {list.length === 0 ? <Empty /> : <List orders={list} />}
          {query.hasNextPage && (
            <div className="mt-6 pl-9 sm:pl-12">
              <Key onPress={() => void (query.isFetchingNextPage || query.fetchNextPage())}>
                {query.isFetchingNextPage ? 'Loading …' : 'Show older orders'}
              </Key>
            </div>
          )}
        </>
      ) : problemIn(query) ? (
        <Trouble query={query} />
      ) : (
        <Skeleton />
      )}
    </Page>
  );
}

const LIVE: Record<FeedState, { word: string; lamp: string }> = {
  connecting: { word: 'Connecting to the live feed …', lamp: 'animate-breathe bg-amber' },
  live: { word: 'Live: new orders appear by themselves', lamp: 'bg-clear' },
  waiting: { word: 'Not live: trying to reach the feed again', lamp: 'border-stop!' },
  absent: { word: `This gateway has no live feed; looked at every ${LOOK_MS / 1000} seconds`, lamp: '' },
};

function Live({ state }: { state: FeedState }) {
  const { word, lamp } = LIVE[state];
  return (
    <p className="mb-5 flex items-center gap-3 text-soft" data-feed={state}>
      <span className={`lamp ${lamp} ml-1 sm:ml-2`} aria-hidden="true" />
      {word}
    </p>
  );
}

function List({ orders }: { orders: Order[] }) {
  const { arrived } = useFeed();
  return (
    <ol className="relative before:absolute before:top-0 before:bottom-0 before:left-2 before:w-[3px] before:bg-ink sm:before:left-3">
      {orders.map((order) => (
        <Row key={order.id} order={order} fresh={arrived.has(order.id)} />
      ))}
    </ol>
  );
}

function Row({ order, fresh }: { order: Order; fresh: boolean }) {
  return (
    <li className="relative pl-9 sm:pl-12">
      <span
        aria-hidden="true"
        className={`lamp absolute top-5 left-0 size-[19px]! border-3! sm:left-1 ${fresh ? 'animate-lit bg-amber' : 'bg-board'}`}
      />
      <Link
        to={`/orders/${order.id}`}
        className="group grid grid-cols-[1fr_auto] items-baseline gap-x-6 border-seam border-b py-4 sm:grid-cols-[1fr_9rem_8rem]"
      >
        <span className="flex min-w-0 flex-wrap items-baseline gap-x-3">
          <span className="font-semibold underline-offset-4 group-hover:underline">{order.title}</span>
          {order.orderReference && (
            <span className="whitespace-nowrap rounded-key border border-edge px-1.5 font-plate font-medium text-sm text-soft">
              {order.orderReference}
            </span>
          )}
        </span>
        <time
          dateTime={order.createdAt}
          className="col-start-1 row-start-2 text-soft text-sm sm:col-start-2 sm:row-start-1 sm:text-right"
        >
          {formatShort(order.createdAt)}
        </time>
        <span className="col-start-2 row-start-1 text-right font-plate font-semibold text-xl tabular-nums sm:col-start-3">
          {formatMoney(order.price)}
        </span>
        <span className="col-start-1 row-start-3 truncate text-soft text-sm sm:row-start-2">{order.description}</span>
      </Link>
    </li>
  );
}

function Empty() {
  return (
    <div className="relative max-w-lg pl-9 before:absolute before:top-2 before:bottom-0 before:left-2 before:w-[3px] before:bg-ink sm:pl-12 sm:before:left-3">
      <span aria-hidden="true" className="lamp absolute top-0.5 left-0 size-[19px]! border-3! bg-board sm:left-1" />
      <h2 className="text-2xl">Nothing on the line yet</h2>
      <p className="mt-2 text-soft">
        Orders you place show up here as stops, newest first, whichever tab or program they come from.
      </p>
      <p className="mt-5">
        <KeyLink to="/orders/new" plain>
          Place your first order
        </KeyLink>
      </p>
    </div>
  );
}

function Skeleton() {
  return (
    <Loading what="your orders">
      <div className="relative before:absolute before:top-0 before:bottom-0 before:left-2 before:w-[3px] before:bg-seam sm:before:left-3">
        {[64, 44, 72, 52].map((width) => (
          <div key={width} className="border-seam border-b py-5 pl-9 sm:pl-12">
            <Bar width={width} />
            <Bar width={width / 2} />
          </div>
        ))}
      </div>
    </Loading>
  );
}
