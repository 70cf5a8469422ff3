import { expect, test } from 'vitest';
import type { SystemState } from '../api/contract';
import { away, byService, movement, publishes, systemNews, total } from './topology';

const state = (pattern: string, workers: number | null = 1, waiting: number | null = 0) => ({
  pattern,
  workers,
  waiting,
  inFlightLimit: 256,
  circuitOpen: false,
  ratePerSecond: 0,
  latencyMs: null,
  history: [],
});

test('patterns stand with their service, in order', () => {
  const services = byService(
    ['users.login', 'orders.list_10', 'orders.list_2', 'orders.create'].map((pattern) => state(pattern)),
  );
  expect(services.map(({ name, patterns }) => [name, ...patterns.map(({ pattern }) => pattern)])).toEqual([
    ['orders', 'orders.create', 'orders.list_2', 'orders.list_10'],
    ['users', 'users.login'],
  ]);
});

test('a sum with an unknown part is unknown', () => {
  expect(total([state('a', 2, 1), state('b', 3, null)])).toEqual({ workers: 5, waiting: null });
});

const system = (patterns: SystemState['patterns'], more: Partial<SystemState> = {}): SystemState => ({
  asOf: '2026-01-01T00:00:00Z',
  windowS: 10,
  broker: true,
  listeners: [],
  relays: [],
  databases: [],
  patterns,
  ...more,
});

test('what comes and goes is told, and nothing else', () => {
  const before = system([state('a', 1), state('b', 2), state('c', 1), state('d', 1)]);
  const after = system([state('a', 0), state('b', 2), state('c', null), state('d', 2), state('new', 1)]);
  expect(systemNews(before, after)).toBe('a: no workers. d: 2 workers');
  expect(systemNews(before, before)).toBe('');
});

test('listeners, relays, databases and the broker are told of like workers', () => {
  const listener = { listener: 'l', event: 'e', workers: 1, waiting: 0, retrying: 0, dead: 0 };
  const relay = { relay: 'r', workers: 2, standby: 1, unpublished: 0, oldestUnpublishedS: null };
  const parts = (workers: number, standby: number, reachable: boolean) => ({
    listeners: [{ ...listener, workers }],
    relays: [{ ...relay, standby }],
    databases: [{ database: 'orders', reachable }],
  });
  const before = system([], parts(1, 1, true));
  const after = system([], { ...parts(0, 2, false), broker: false });
  expect(systemNews(before, after)).toBe(
    'Broker: unreachable. orders database: unreachable. l: no workers. r: no leader',
  );
  expect([away(before), away(after)]).toEqual([[], ['broker', 'orders database', 'r', 'l']]);
  const silent = { ...state('silent'), circuitOpen: true };
  expect(away(system([state('asleep', 0), silent]))).toEqual(['silent']);
  expect([
    publishes(relay),
    publishes({ workers: 1, standby: null }),
    publishes({ workers: 0, standby: null }),
  ]).toEqual([true, null, false]);
});

test('more messages are drawn as the rate grows, up to a bound', () => {
  expect([0, 0.2, 1, 10, 100, 1e6].map((rate) => movement(rate).messages)).toEqual([0, 1, 2, 4, 7, 7]);
});
