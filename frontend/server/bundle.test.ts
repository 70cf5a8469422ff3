// The built page: small, and nothing in it that the policy would stop. Build it first.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';

const page = fileURLToPath(new URL('../dist/page', import.meta.url));

test('the page is built', () => {
  expect(existsSync(page), 'run scripts/build-page first').toBe(true);
});

const packed = (names: string[]) =>
  names.reduce((sum, name) => sum + gzipSync(readFileSync(join(page, 'assets', name))).length, 0);

// What stands before the first sight of the start page is bounded tightly: a slow phone waits for it. The other pages
// come one by one, after it.
test('the scripts of the first page are below 124 KiB, packed, and all together below 180 KiB', () => {
  const html = readFileSync(join(page, 'index.html'), 'utf8');
  const first = [...html.matchAll(/assets\/([^"]+\.js)"/g)].map(([, name]) => name as string);
  const all = readdirSync(join(page, 'assets')).filter((name) => name.endsWith('.js'));
  expect(packed(first)).toBeGreaterThan(50_000);
  expect(packed(first)).toBeLessThan(124 * 1024);
  expect(packed(all)).toBeLessThan(180 * 1024);
});

test('the page has no script or style in it', () => {
  const html = readFileSync(join(page, 'index.html'), 'utf8');
  expect(html).not.toMatch(/<script(?![^>]*\ssrc=)|<style|\son\w+=|\sstyle=/);
  expect(html).toContain('%GATEWAY_URL%');
});
