import { expect, test } from 'vitest';
import { nextCursor } from './link';

test('the cursor of the next page is found among other links', () => {
  expect(nextCursor('</orders?limit=20&cursor=c0a>; rel="next"')).toBe('c0a');
  expect(nextCursor('</a?cursor=no>; rel="prev", </orders?cursor=yes>; title="x"; rel=next')).toBe('yes');
});

test('the last page has none', () => {
  for (const header of [null, '', 'nonsense', '</orders?cursor=c>; rel="prev"', '</orders>; rel="next"']) {
    expect(nextCursor(header)).toBeNull();
  }
});
