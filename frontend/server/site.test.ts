import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startPage } from '../src/start';
import { settings } from './settings';
import { site } from './site';

let server: Server;
let directory: string;
let base: string;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'page-'));
  mkdirSync(join(directory, 'assets'));
  writeFileSync(join(directory, 'index.html'), '<meta name="gateway" content="%GATEWAY_URL%"><div id="root"></div>');
  writeFileSync(join(directory, 'assets', 'a-1.js'), 'let a');
  writeFileSync(join(directory, 'icon.svg'), '<svg/>');
  server = createServer(site(directory, 'http://gateway:1', await startPage('http://gateway:1')));
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});

afterAll(() => {
  server.close();
  rmSync(directory, { recursive: true });
});

test('every address of the page is the page, and knows the gateway', async () => {
  for (const path of ['/index.html', '/orders/0190-a?x=1.2', '/a/b/c']) {
    const answer = await fetch(base + path);
    expect([answer.status, answer.headers.get('cache-control')]).toEqual([200, 'no-cache']);
    expect(await answer.text()).toBe('<meta name="gateway" content="http://gateway:1"><div id="root"></div>');
  }
});

test('the start page is there before its script, with nothing in it that the policy would stop', async () => {
  const answer = await fetch(base);
  expect([answer.status, answer.headers.get('cache-control')]).toEqual([200, 'no-cache']);
  const html = await answer.text();
  expect(html).toContain('<meta name="gateway" content="http://gateway:1">');
  expect(html).toMatch(/<h1[^>]*>Every request here becomes a message\.<\/h1>/);
  expect(html).toMatch(/<a [^>]*href="\/register"/);
  expect(html).toContain('<span>http://gateway:1</span>');
  expect(html, 'nothing can be pressed that would do nothing').not.toMatch(/<button (?!disabled )/);
  expect(html).not.toMatch(/<script|<style|<title|\son\w+=|\sstyle=/);
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
