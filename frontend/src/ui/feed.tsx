// New orders as they happen: into the lists on this page, into words for those who listen, and to the other tabs.
//
// One tab reads the feed for all: browsers open only a few connections to a host, and a feed holds one for ever.
import { type InfiniteData, useQueryClient } from '@tanstack/react-query';
import { createContext, type ReactNode, use, useEffect, useState } from 'react';
import type { OrderPage } from '../api/client';
import type { Order } from '../api/contract';
import { type FeedState, readFeed } from '../api/feed';
import { useUserId } from '../api/session';
import { locked } from '../lib/lock';
import { withOrder } from '../lib/pages';
import { keys } from '../queries';

interface Feed {
  state: FeedState;
  /** The ids of orders that came by the feed since this page was opened. */
  arrived: ReadonlySet<string>;
}

type News = { order: Order } | { state: FeedState } | { ask: true };

const Context = createContext<Feed>({ state: 'connecting', arrived: new Set() });

export const useFeed = () => use(Context);

export function FeedProvider({ children }: { children: ReactNode }) {
  const client = useQueryClient();
  const userId = useUserId();
  const [state, setState] = useState<FeedState>('connecting');
  const [arrived, setArrived] = useState<ReadonlySet<string>>(new Set());
  const [spoken, setSpoken] = useState('');

  useEffect(() => {
    if (!userId) return;
    const take = (news: News) => {
      if ('state' in news) {
        setState(news.state);
        // What happened while nobody listened is only in the list itself.
        if (news.state === 'live') void client.invalidateQueries({ queryKey: keys.orders });
      } else if ('order' in news) {
        const { order } = news;
        client.setQueryData<InfiniteData<OrderPage>>(keys.ordersWith({}), (pages) => withOrder(pages, order));
        // Whether it belongs to what somebody searches for, and where, only the server knows.
        void client.invalidateQueries({
          queryKey: keys.orders,
          predicate: ({ queryKey: [, filters] }) => !isEmpty(filters),
        });
        void client.invalidateQueries({ queryKey: keys.profile });
        setArrived((ids) => new Set(ids).add(order.id));
        setSpoken(`New order: ${order.title}`);
      }
    };
    const stop = follow(userId, take);
    return () => {
      stop();
      setArrived(new Set());
      setSpoken('');
    };
  }, [userId, client]);

  return (
    <Context value={{ state, arrived }}>
      {children}
      <p role="status" className="sr-only">
        {spoken}
      </p>
    </Context>
  );
}

/** Follows one user's feed: reads it, or hears it from the tab that does. Returns how to stop. */
function follow(userId: string, take: (news: News) => void): () => void {
  const stop = new AbortController();
  const channel = new BroadcastChannel(`orders-of-${userId}`);
  let state: FeedState | undefined;
  const tell = (news: News) => {
    if ('state' in news) state = news.state;
    take(news);
    channel.postMessage(news);
  };
  channel.onmessage = ({ data }: MessageEvent<News>) => {
    if (!('ask' in data)) take(data);
    else if (state) channel.postMessage({ state });
  };
  channel.postMessage({ ask: true });
  const read = () =>
    readFeed({ onOrder: (order) => tell({ order }), onState: (state) => tell({ state }) }, stop.signal);
  // Rejected only when it is stopped while another tab reads.
  locked(`feed-of-${userId}`, read, stop.signal).catch(() => undefined);
  return () => {
    stop.abort();
    channel.close();
  };
}

const isEmpty = (filters: unknown) => typeof filters === 'object' && Object.keys(filters ?? {}).length === 0;
