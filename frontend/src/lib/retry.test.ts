import { expect, test } from 'vitest';
import { Problem } from '../api/problem';
import { retryDelay, shouldRetry } from './retry';

const problem = (status: number, retryAfterMs = 0) =>
  new Problem({ status, code: status ? 'x' : 'unreachable', message: '', retryAfterMs });

test('only what may pass is tried again, and not for ever', () => {
  expect([0, 503, 429, 504].map((status) => shouldRetry(0, problem(status)))).toEqual([true, true, true, true]);
  expect([400, 401, 403, 404, 422, 500].some((status) => shouldRetry(0, problem(status)))).toBe(false);
  expect(shouldRetry(8, problem(503))).toBe(false);
  expect(shouldRetry(0, new TypeError('a bug of ours'))).toBe(false);
});

test('the pauses grow, with jitter, to a bound', () => {
  expect([0, 1, 2, 20].map((failures) => retryDelay(failures, problem(503), () => 0.5))).toEqual([
    700, 1_400, 2_800, 15_000,
  ]);
  expect(retryDelay(0, problem(503), () => 0)).toBeLessThan(retryDelay(0, problem(503), () => 1));
});

test('a pause is never shorter than the gateway asked for', () => {
  expect(retryDelay(0, problem(503, 9_000), () => 0)).toBe(9_000);
});
