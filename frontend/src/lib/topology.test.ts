import { expect, test } from 'vitest';
import { byService, movement, total, workerNews } from './topology';

const state = (pattern: string, workers: number | null = 1, waiting: number | null = 0) => ({
  pattern,
  workers,
  waiting,
  ratePerSecond: 0,
  latencyMs: null,
});

test('patterns stand with their service, in order', () => {
  const services = byService(['users.login', 'orders.list', 'orders.create'].map((pattern) => state(pattern)));
  expect(services.map(({ name, patterns }) => [name, ...patterns.map(({ pattern }) => pattern)])).toEqual([
    ['orders', 'orders.create', 'orders.list'],
    ['users', 'users.login'],
  ]);
});

test('a sum with an unknown part is unknown', () => {
  expect(total([state('a', 2, 1), state('b', 3, null)])).toEqual({ workers: 5, waiting: null });
});

test('workers that come and go are told, and nothing else', () => {
  const before = [state('a', 1), state('b', 2), state('c', 1), state('d', 1)];
  const after = [state('a', 0), state('b', 2), state('c', null), state('d', 2), state('new', 1)];
  expect(workerNews(before, after)).toBe('a: nobody serves it. d: 2 workers');
  expect(workerNews(before, before)).toBe('');
});

test('more messages are drawn as the rate grows, up to a bound', () => {
  expect([0, 0.2, 1, 10, 100, 1e6].map((rate) => movement(rate).messages)).toEqual([0, 1, 2, 4, 7, 7]);
});
