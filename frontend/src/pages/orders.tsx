// Your orders, newest first: stops on a line that grows at its head.
import {
  type InfiniteData,
  keepPreviousData,
  type UseInfiniteQueryResult,
  useInfiniteQuery,
} from '@tanstack/react-query';
import { useEffect, useState } from 'react';
import { Link, useSearchParams } from 'react-router';
import { orders as load, type OrderPage, type Total } from '../api/client';
import type { Order } from '../api/contract';
import type { FeedState } from '../api/feed';
import { filtersOf } from '../lib/filters';
import { formatNumber, formatShort } from '../lib/format';
import { allOrders } from '../lib/pages';
import { wordsFor } from '../lib/words';
import { keys } from '../queries';
import { Alert } from '../ui/alert';
import { Amount } from '../ui/amount';
import { useFeed } from '../ui/feed';
import { FilterBar } from '../ui/filters';
import { RequestId } from '../ui/form';
import { Key, KeyLink } from '../ui/key';
import { Bar, Loading } from '../ui/loading';
import { Moment } from '../ui/moment';
import { Page } from '../ui/page';
import { problemIn, Stale, Trouble } from '../ui/trouble';

/** How often to look where there is no feed. */
const LOOK_MS = 5_000;

type Query = UseInfiniteQueryResult<InfiniteData<OrderPage>>;

export function Orders() {
  const { state } = useFeed();
  const [search] = useSearchParams();
  const filters = filtersOf(search);
  const isFiltered = Object.keys(filters).some((name) => name !== 'sort');
  const query = useInfiniteQuery({
    queryKey: keys.ordersWith(filters),
    queryFn: ({ pageParam, signal }) => load(filters, pageParam, signal),
    placeholderData: keepPreviousData,
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next,
    refetchInterval: state === 'absent' ? LOOK_MS : false,
  });
  const list = allOrders(query.data);
  return (
    <Page title="Your orders" aside={<KeyLink to="/orders/new">New order</KeyLink>}>
      {query.data ? (
        <>
          {!query.isFetchNextPageError && <Stale query={query} />}
          {(list.length > 0 || isFiltered) && <FilterBar filters={filters} />}
          <div className="mb-5 grid gap-x-6 gap-y-2 sm:flex sm:justify-between">
            <Live state={state} />
            {list.length > 0 && <Count total={query.data.pages[0]?.total ?? null} />}
          </div>
          {list.length > 0 ? (
            <List orders={list} />
          ) : isFiltered ? (
            <p className="text-lg">No orders match.</p>
          ) : (
            <Empty />
          )}
          <Older query={query} shown={list.length} />
        </>
      ) : problemIn(query) ? (
        <Trouble query={query} />
      ) : (
        <Skeleton />
      )}
    </Page>
  );
}

/** Loads the next page. The focus stays where it is, or goes on to what has come when there is no more to load. */
function Older({ query, shown }: { query: Query; shown: number }) {
  const [said, setSaid] = useState('');
  const [goTo, setGoTo] = useState<number | null>(null);
  // Once it is drawn.
  useEffect(() => {
    if (goTo === null || shown <= goTo) return;
    document.querySelectorAll<HTMLElement>('main li a')[goTo]?.focus();
    setGoTo(null);
  }, [goTo, shown]);
  const load = async () => {
    if (query.isFetchingNextPage) return;
    const { data, hasNextPage, isFetchNextPageError } = await query.fetchNextPage();
    if (isFetchNextPageError) return;
    const came = allOrders(data).length - shown;
    setSaid(`${came} more ${came === 1 ? 'order' : 'orders'}${hasNextPage ? '' : ', which is all'}.`);
    if (!hasNextPage) setGoTo(shown);
  };
  const problem = query.isFetchNextPageError ? problemIn(query) : null;
  return (
    <div className="mt-6 grid justify-items-start gap-4 pl-9 sm:pl-12">
      {problem && (
        <Alert title={wordsFor(problem).title}>
          <p>{wordsFor(problem).detail}</p>
          <RequestId problem={problem} />
        </Alert>
      )}
      {query.hasNextPage && (
        <Key onPress={() => void load()}>{query.isFetchingNextPage ? 'Loading…' : 'Show older orders'}</Key>
      )}
      <p role="status" className="sr-only">
        {said}
      </p>
    </div>
  );
}

function Count({ total }: { total: Total | null }) {
  if (!total) return null;
  const { count, more } = total;
  return (
    <p role="status" className="text-soft tabular-nums">
      {more ? 'More than ' : ''}
      {formatNumber(count)} {count === 1 && !more ? 'order' : 'orders'}
    </p>
  );
}

const LIVE: Record<FeedState, { word: string; lamp: string }> = {
  connecting: { word: 'Connecting to live updates…', lamp: 'animate-breathe bg-amber' },
  live: { word: 'Live: new orders appear here', lamp: 'bg-clear' },
  waiting: { word: 'Not live: reconnecting…', lamp: 'border-stop!' },
  absent: { word: `Updates every ${LOOK_MS / 1000} seconds`, lamp: '' },
};

function Live({ state }: { state: FeedState }) {
  const { word, lamp } = LIVE[state];
  return (
    <p className="flex items-center gap-3 text-soft" data-feed={state}>
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
        className="group grid grid-cols-[minmax(0,1fr)_auto] items-baseline gap-x-4 border-seam border-b py-4 sm:grid-cols-[minmax(0,1fr)_11rem_9rem] sm:gap-x-6"
      >
        <span className="flex min-w-0 flex-wrap items-baseline gap-x-3">
          <bdi className="min-w-0 font-semibold underline-offset-4 group-hover:underline">{order.title}</bdi>
          {order.orderReference && (
            <bdi className="min-w-0 rounded-key border border-edge px-1.5 font-medium font-plate text-sm text-soft">
              {order.orderReference}
            </bdi>
          )}
        </span>
        <Moment
          time={order.createdAt}
          format={formatShort}
          className="col-start-1 row-start-2 text-soft text-sm sm:col-start-2 sm:row-start-1 sm:text-right"
        />
        <Amount
          value={order.price}
          className="col-start-2 row-start-1 text-right font-plate font-semibold text-xl sm:col-start-3"
        />
        <span
          dir="auto"
          className="col-span-2 col-start-1 row-start-3 truncate text-soft text-sm sm:col-span-1 sm:row-start-2"
        >
          {order.description}
        </span>
      </Link>
    </li>
  );
}

function Empty() {
  return (
    <div className="relative max-w-lg pl-9 before:absolute before:top-2 before:bottom-0 before:left-2 before:w-[3px] before:bg-ink sm:pl-12 sm:before:left-3">
      <span aria-hidden="true" className="lamp absolute top-0.5 left-0 size-[19px]! border-3! bg-board sm:left-1" />
      <h2 className="text-2xl">No orders yet</h2>
      <p className="mt-2 text-soft">Orders appear here, newest first, whichever tab or program places them.</p>
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
