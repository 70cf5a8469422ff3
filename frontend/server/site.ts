// Answers requests for the built page: its files, and for every address of the page the page itself.
import { readFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { join } from 'node:path';
import sirv from 'sirv';
import { cacheControl, securityHeaders } from './headers';

/** A request handler for the files in a directory; the page is told where the gateway is. */
export function site(directory: string, gateway: string) {
  const page = readFileSync(join(directory, 'index.html'), 'utf8').replace('%GATEWAY_URL%', gateway);
  const headers = Object.entries(securityHeaders(gateway));
  const files = sirv(directory, {
    etag: true,
    gzip: true,
    brotli: true,
    setHeaders: (response, path) => response.setHeader('Cache-Control', cacheControl(path)),
  });

  return (request: IncomingMessage, response: ServerResponse) => {
    for (const [name, value] of headers) response.setHeader(name, value);
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      response.writeHead(405, { Allow: 'GET, HEAD' }).end();
      return;
    }
    const path = new URL(request.url ?? '/', 'http://page').pathname;
    if (isFile(path)) files(request, response, () => void response.writeHead(404).end());
    else answer(request, response, page);
  };
}

// Addresses of the page have no dot in their last part; files always have.
function isFile(path: string): boolean {
  return path !== '/index.html' && /\.[^/]*$/.test(path);
}

function answer(request: IncomingMessage, response: ServerResponse, page: string) {
  response.writeHead(200, {
    'Content-Type': 'text/html; charset=utf-8',
    'Content-Length': Buffer.byteLength(page),
    'Cache-Control': 'no-cache',
  });
  response.end(request.method === 'HEAD' ? undefined : page);
}
