import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startPages } from '../src/start';
import { settings } from './settings';
import { site } from './site';

let server: Server;
let directory: string;
let base: string;

const page = (gateway: string) =>
  `<head><meta name="gateway" content="${gateway}"><link href="/assets/main-1.js"></head><div id="root"></div>`;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'page-'));
  mkdirSync(join(directory, 'assets'));
  writeFileSync(join(directory, 'index.html'), page('%GATEWAY_URL%'));
  writeFileSync(join(directory, 'assets', 'a-1.js'), 'let a');
  writeFileSync(join(directory, 'icon.svg'), '<svg/>');
  mkdirSync(join(directory, '.vite'));
  const manifest = {
    'src/main.tsx': { file: 'assets/main-1.js' },
    '_shared.js': { file: 'assets/shared-1.js', imports: ['src/main.tsx'] },
    'src/pages/orders.tsx': { file: 'assets/orders-1.js', imports: ['src/main.tsx', '_shared.js'] },
  };
  writeFileSync(join(directory, '.vite', 'manifest.json'), JSON.stringify(manifest));
  server = createServer(site(directory, 'http://gateway:1', await startPages('http://gateway:1')));
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});

afterAll(() => {
  server.close();
  rmSync(directory, { recursive: true });
});

test('every address of the page is the page, and knows the gateway', async () => {
  for (const path of ['/index.html', '/a?x=1.2', '/a/b/c']) {
    const answer = await fetch(base + path);
    expect([answer.status, answer.headers.get('cache-control')]).toEqual([200, 'no-cache']);
    expect(await answer.text()).toBe(page('http://gateway:1'));
  }
});

test('every page is there before its script, with nothing in it that the policy would stop', async () => {
  const headings = {
    '/login': 'Sign in',
    '/register': 'Create an account',
    '/system': 'System',
    '/orders': 'Your orders',
    '/orders/new': 'New order',
    '/orders/0190-a': 'Order',
    '/profile': 'Profile',
  };
  for (const [path, heading] of Object.entries(headings)) {
    const html = await (await fetch(base + path)).text();
    expect(html, path).toMatch(new RegExp(`<h1[^>]*>${heading}</h1>`));
    expect(html.includes('Sign out'), path).toBe(/orders|profile/.test(path));
    expect(html, `${path}: nothing can be used that would do nothing`).not.toMatch(
      /<(button|input|textarea|select) (?!disabled )/,
    );
    expect(html, path).not.toMatch(/<script|<style|<title|\son\w+=|\sstyle=/);
  }
});

test('a page comes with the names of its scripts, to be fetched early', async () => {
  const html = await (await fetch(`${base}/orders`)).text();
  const files = [...html.matchAll(/<link rel="modulepreload"[^>]* href="([^"]+)"/g)].map(([, file]) => file);
  expect(files).toEqual(['/assets/shared-1.js', '/assets/orders-1.js']);
  expect((await fetch(`${base}/.vite/manifest.json`)).status).toBe(404);
});

test('the start page says what this is', async () => {
  const answer = await fetch(base);
  expect([answer.status, answer.headers.get('cache-control')]).toEqual([200, 'no-cache']);
  const html = await answer.text();
  expect(html).toContain('<meta name="gateway" content="http://gateway:1">');
  expect(html).toMatch(/<h1[^>]*>Every request here becomes a message\.<\/h1>/);
  expect(html).toMatch(/<a [^>]*href="\/register"/);
  expect(html).toContain('<span>http://gateway:1</span>');
});

test('files with a hash are kept for ever, the others are asked for again', async () => {
  expect((await fetch(`${base}/assets/a-1.js`)).headers.get('cache-control')).toBe(
    'public, max-age=31536000, immutable',
  );
  expect((await fetch(`${base}/icon.svg`)).headers.get('cache-control')).toBe('no-cache');
});

test('a file that is not there is 404, not the page', async () => {
  for (const path of ['/assets/gone.js', '/x.php', '/..%2f..%2fetc%2fpasswd.txt', '/.env']) {
    const answer = await fetch(base + path);
    expect([answer.status, await answer.text()], path).toEqual([404, '']);
  }
});

test('every answer has the policy, and it names the gateway alone', async () => {
  for (const path of ['/', '/assets/a-1.js', '/gone.js']) {
    const { headers } = await fetch(base + path);
    const policy = headers.get('content-security-policy');
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain("connect-src 'self' http://gateway:1;");
    expect(policy).not.toContain('unsafe');
    expect(headers.get('x-content-type-options')).toBe('nosniff');
  }
});

test('only reading is allowed', async () => {
  const answer = await fetch(base, { method: 'POST' });
  expect([answer.status, answer.headers.get('allow')]).toEqual([405, 'GET, HEAD']);
  expect(await (await fetch(base, { method: 'HEAD' })).text()).toBe('');
});

test('a setting that does not fit is named', () => {
  expect(settings({})).toEqual({ port: 3000, gateway: 'http://localhost:3003' });
  expect(settings({ PORT_FRONTEND: '8', PORT_GATEWAY: '9' })).toEqual({ port: 8, gateway: 'http://localhost:9' });
  expect(settings({ FRONTEND_GATEWAY_URL: 'https://api.example.org/' }).gateway).toBe('https://api.example.org');
  for (const port of ['x', '0', '70000']) expect(() => settings({ PORT_FRONTEND: port })).toThrow('PORT_FRONTEND');
  for (const url of ['x', 'ftp://x', "http://a/b'; script-src *", 'http://a/path']) {
    expect(() => settings({ FRONTEND_GATEWAY_URL: url })).toThrow('FRONTEND_GATEWAY_URL');
  }
});
