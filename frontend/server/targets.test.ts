// No request ends the server or goes unanswered, whatever its target, method, headers or body.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { site } from './site';

const PAGE = 'the page <div id="root"></div>';
let server: Server;
let directory: string;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'page-'));
  mkdirSync(join(directory, 'assets'));
  writeFileSync(join(directory, 'index.html'), PAGE);
  writeFileSync(join(directory, 'assets', 'a-1.js'), 'let a');
  server = createServer(site(directory, 'http://gateway:1', new Map()));
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
});

afterAll(() => {
  server.close();
  rmSync(directory, { recursive: true, force: true });
});

/** The status of what is answered to these bytes; 0 when the connection is just closed. */
function statusOf(bytes: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
    let answer = '';
    socket.on('data', (data) => {
      answer += data;
    });
    socket.on('close', () => resolve(Number(/^HTTP\/1\.1 (\d{3}) /.exec(answer)?.[1] ?? 0)));
    socket.on('error', () => undefined); // a reset after the answer
    socket.setTimeout(5_000, () => reject(new Error(`no answer to ${JSON.stringify(bytes)}`)));
    socket.write(bytes, 'latin1');
  });
}

const get = (target: string, headers = '') =>
  statusOf(`GET ${target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n${headers}\r\n`);

const REFUSED = [
  ...['//', '///', '////x', '//:x', '//%', '//@', '//[', '//x:99999', '//evil.example/orders', '/a//b', '/orders//'],
  ...['http://[', 'http://', 'http://:x', 'http://a:99999/', 'HTTP://%', 'https://[::1', 'http://a/%ff', 'ftp://a/'],
  ...['*', '?', '#', '[', ':', '%', 'x', '\\', '\\\\', 'javascript:x', '[::1]:80', 'a:80', '@', '!'],
  ...['/%', '/%zz', '/%c3%28', '/%ff', '/%u0041', '/orders/%', '/%00.js', '/..', '/../..', '/../../etc/passwd.txt'],
  ...['/..%2f..%2fetc%2fpasswd.txt', '/assets/%2e%2e', '/.env', '/assets/a-1.js.map', '/assets/a-1.js%00', '/.'],
];
const SERVED = ['/', '/?', '/?%', '/?//', '/#', '/%20', '/orders/', '/orders/%e2%82%ac', '/[', '/:', '/@', '/%2525'];

test('a target that names nothing is 400 or 404', async () => {
  for (const target of REFUSED) expect([400, 404], target).toContain(await get(target));
  expect(await get(`/${'x'.repeat(20_000)}`)).toBe(431);
});

test('an odd target that names a page or a file is served', async () => {
  for (const target of [...SERVED, 'http://x', 'http://x/orders', 'https://x:1/assets/a-1.js?x#y', '/assets/a-1.js']) {
    expect(await get(target), target).toBe(200);
  }
});

test('every byte in a target is answered', async () => {
  const bytes = Array.from({ length: 256 }, (_, code) => String.fromCharCode(code));
  const statuses = await Promise.all(
    bytes.flatMap((byte) =>
      [`/${byte}`, `//${byte}`, byte, `http://${byte}`, `/%${byte}`].map((target) => get(target)),
    ),
  );
  expect(new Set(statuses.filter((status) => ![200, 400, 404].includes(status)))).toEqual(new Set());
});

test('odd headers, methods and bodies are answered', async () => {
  const file = '/assets/a-1.js';
  for (const range of ['bytes=4-2', 'bytes=-2', 'bytes=9-', 'bytes=--5', 'bytes=0-0,1-1', 'bytes=x-y', 'bytes', '-']) {
    expect(await get(file, `Range: ${range}\r\n`), range).toBe(200);
  }
  for (const line of ['Accept-Encoding: ;;,,=q', 'If-None-Match: ,"', 'Cookie: %', 'Upgrade: websocket', 'Host: [']) {
    expect([200, 400], line).toContain(await get(file, `${line}\r\n`));
  }
  const rest = '/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n';
  expect(await statusOf(`POST ${rest}Content-Length: 999999\r\n\r\n{`)).toBe(405);
  expect(await statusOf(`DELETE ${rest}Transfer-Encoding: chunked\r\n\r\nzz\r\n`)).toBeGreaterThanOrEqual(400);
  expect(await statusOf(`OPTIONS * HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`)).toBe(405);
  expect(await statusOf(`GET ${rest}Expect: miracles\r\n\r\n`)).toBe(417);
  expect(await statusOf(`CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n`)).toBe(0);
  expect(await statusOf(`BREW ${rest}\r\n`)).toBe(400);
  expect(await statusOf(`GET / HTTP/1.1\r\nConnection: close\r\n\r\n`)).toBe(400);
  expect(await statusOf('\x16\x03\x01\x02\r\n\r\n')).toBe(400);
});

test('a file that is gone from the disk is still served', async () => {
  rmSync(join(directory, 'assets'), { recursive: true });
  expect(await get('/assets/a-1.js')).toBe(200);
});
