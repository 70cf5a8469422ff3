import { expect, test } from 'vitest';
import { formatDuration, formatLatency, formatShort } from './format';

test('latencies are read at a glance', () => {
  expect([0.42, 4.24, 42.4, 999, 1_000, 12_345].map(formatLatency)).toEqual([
    '0.4 ms',
    '4.2 ms',
    '42 ms',
    '999 ms',
    '1 s',
    '12.3 s',
  ]);
});

test('durations are as they are', () => {
  expect([400, 9_000, 60_000, 290_000, 3_600_000, 7_500_000].map(formatDuration)).toEqual([
    '1 s',
    '9 s',
    '1 min',
    '4 min 50 s',
    '1 h',
    '2 h 5 min',
  ]);
});

test('another year is named', () => {
  const now = new Date('2026-11-25T12:00:00Z');
  expect(formatShort('2025-03-01T10:00:00Z', now)).toContain('2025');
  expect(formatShort('2026-03-01T10:00:00Z', now)).not.toContain('2026');
});
