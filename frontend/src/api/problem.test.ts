import { expect, test } from 'vitest';
import { Problem, problemOf, problemOfFailure, retryAfter } from './problem';

const answer = (status: number, headers: Record<string, string> = {}) => new Response(null, { status, headers });

test('a problem document is taken over, field errors and all', () => {
  const body = {
    code: 'invalid_input',
    message: 'See price.',
    errors: { price: ['must be a number'] },
    requestId: 'r-1',
  };
  const problem = problemOf(answer(422), body);
  expect(problem).toMatchObject({ status: 422, ...body });
});

test('an answer that is no problem document is a problem all the same', () => {
  for (const body of [null, '<html>', [], 7, { code: 7, errors: 'x' }]) {
    expect(problemOf(answer(502), body)).toMatchObject({ status: 502, code: 'unknown', errors: {} });
  }
});

test('what passes and what is unknown are told apart', () => {
  const of = (status: number) => problemOf(answer(status), {});
  expect([503, 429, 504, 500, 422].map((status) => [of(status).passes, of(status).unknown])).toEqual([
    [true, false],
    [true, false],
    [false, true],
    [false, false],
    [false, false],
  ]);
  expect(problemOfFailure(new TypeError('fetch failed'))).toMatchObject({ code: 'unreachable', passes: true });
  expect(problemOfFailure(new DOMException('late', 'TimeoutError'))).toMatchObject({
    code: 'no_answer',
    unknown: true,
  });
});

test('Retry-After is seconds or a date, as long as it is, up to a day', () => {
  const now = Date.parse('2026-01-01T00:00:00Z');
  expect(retryAfter('2', now)).toBe(2_000);
  expect(retryAfter('Thu, 01 Jan 2026 00:00:05 GMT', now)).toBe(5_000);
  expect(retryAfter('290', now)).toBe(290_000);
  expect(retryAfter('864000', now)).toBe(86_400_000);
  for (const nothing of [null, '', 'soon', 'Thu, 01 Jan 2020 00:00:00 GMT']) expect(retryAfter(nothing, now)).toBe(0);
  expect(problemOf(answer(503, { 'retry-after': '3' }), {}).retryAfterMs).toBe(3_000);
});

test('a problem is an error with a message for people', () => {
  expect(new Problem({ status: 0, code: 'x', message: 'No.' })).toBeInstanceOf(Error);
});
