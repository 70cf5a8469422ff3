// A list that is loaded page by page, and grows at its head.
import type { InfiniteData } from '@tanstack/react-query';
import type { OrderPage } from '../api/client';
import type { Order } from '../api/contract';

/** The list with a new order at its head; an order that is there already stays where it is. */
export function withOrder(pages: InfiniteData<OrderPage> | undefined, order: Order) {
  const first = pages?.pages[0];
  if (!pages || !first || pages.pages.some((page) => page.items.some(({ id }) => id === order.id))) return pages;
  const total = first.total && { ...first.total, count: first.total.count + 1 };
  const head = { ...first, total, items: [order, ...first.items] };
  return { ...pages, pages: [head, ...pages.pages.slice(1)] };
}

/** All orders of the pages, each once: what is new at the head moves others to the next page. */
export function allOrders(pages: InfiniteData<OrderPage> | undefined): Order[] {
  const byId = new Map(pages?.pages.flatMap((page) => page.items).map((order) => [order.id, order]));
  return [...byId.values()];
}
