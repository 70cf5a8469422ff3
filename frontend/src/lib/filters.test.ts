import { expect, test } from 'vitest';
import { filtersOf, queryOf } from './filters';

const of = (search: string) => filtersOf(new URLSearchParams(search));

test('an address is read, and what does not fit is left out', () => {
  expect(of('q= brass &from=2026-01-02&to=2026-1-2&min=1,000.50&max=x&sort=price_asc&page=2')).toEqual({
    q: 'brass',
    from: '2026-01-02',
    min: 1_000.5,
    sort: 'price_asc',
  });
  for (const none of ['', 'q=', 'q=%20', 'sort=newest', 'sort=toString', 'from=yesterday'])
    expect(of(none)).toEqual({});
  expect(of(`q=${'x'.repeat(200)}`).q).toHaveLength(100);
});

test('days are whole days of the viewer', () => {
  const { from, to } = queryOf({ from: '2026-02-28', to: '2026-02-28' });
  expect(Date.parse(to ?? '') - Date.parse(from ?? '')).toBe(24 * 3_600_000);
  expect(queryOf({ q: 'x' })).toEqual({ q: 'x' });
});
