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

test('all scripts together are below 150 KiB, packed', () => {
  const scripts = readdirSync(join(page, 'assets')).filter((name) => name.endsWith('.js'));
  const sizes = scripts.map((name) => gzipSync(readFileSync(join(page, 'assets', name))).length);
  const total = sizes.reduce((sum, size) => sum + size, 0);
  expect(total).toBeGreaterThan(50_000);
  expect(total).toBeLessThan(150 * 1024);
});

test('the page has no script or style in it', () => {
  const html = readFileSync(join(page, 'index.html'), 'utf8');
  expect(html).not.toMatch(/<script(?![^>]*\ssrc=)|<style|\son\w+=|\sstyle=/);
  expect(html).toContain('%GATEWAY_URL%');
});
