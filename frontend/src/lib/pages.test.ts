import { expect, test } from 'vitest';
import type { Order } from '../api/contract';
import { allOrders, withOrder } from './pages';

const order = (id: string) => ({ id }) as Order;
const pages = (...ids: string[][]) => ({
  pages: ids.map((page) => ({ items: page.map(order), next: null, total: { count: page.length, more: false } })),
  pageParams: ids.map(() => null),
});
const ids = (data: Parameters<typeof allOrders>[0]) => allOrders(data).map(({ id }) => id);

test('a new order goes to the head, once', () => {
  const list = withOrder(pages(['b'], ['a']), order('c'));
  expect(ids(list)).toEqual(['c', 'b', 'a']);
  expect(list?.pages[0]?.total).toEqual({ count: 2, more: false });
  expect(withOrder(list, order('a'))).toBe(list);
  expect(withOrder(undefined, order('a'))).toBeUndefined();
});

test('an order that moved to the next page meanwhile is shown once', () => {
  expect(ids(pages(['c', 'b'], ['b', 'a']))).toEqual(['c', 'b', 'a']);
});
