// Answers requests for the built page: its files, and for every address of the page the page itself.
import { readFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { join } from 'node:path';
import type { Start } from '../src/start';
import { packed, type StoredFile, stored, storedFiles } from './files';
import { cacheControl, securityHeaders } from './headers';
import { MANIFEST, scriptsOf } from './preloads';
import { pathOf } from './target';

const ROOT = '<div id="root"></div>';

/**
 * A request handler for the files in a directory; the page is told where the gateway is. `starts` has, by path, the HTML
 * with which a page is shown until its script has come.
 */
export function site(directory: string, gateway: string, starts: ReadonlyMap<string, Start>) {
  const html = readFileSync(join(directory, 'index.html'), 'utf8').replaceAll('%GATEWAY_URL%', () => gateway);
  if (!html.includes(ROOT)) throw new Error(`index.html has no ${ROOT}`);
  const page = packed(stored(Buffer.from(html)));
  const scripts = scriptsOf(directory);
  const started = new Map([...starts].map(([path, start]) => [path, packed(stored(startOf(html, start, scripts)))]));
  const files = storedFiles(directory);
  files.delete('/index.html');
  files.delete(MANIFEST);
  const headers = Object.entries(securityHeaders(gateway));

  return (request: IncomingMessage, response: ServerResponse) => {
    for (const [name, value] of headers) response.setHeader(name, value);
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      // The body is not waited for.
      response.writeHead(405, { Allow: 'GET, HEAD', Connection: 'close' }).end();
      return;
    }
    const path = pathOf(request.url ?? '');
    if (path === null) {
      response.writeHead(400).end();
      return;
    }
    const start = started.get(path) ?? (/^\/orders\/[^/.]+$/.test(path) ? started.get('/orders/:id') : undefined);
    const file = files.get(path) ?? start ?? (isPage(path) ? page : undefined);
    if (file) answer(request, response, path, file);
    else response.writeHead(404).end();
  };
}

/** The page with its first sight, which comes first: style and fonts before the scripts. */
function startOf(html: string, start: Start, scripts: (source: string) => string[]): Buffer {
  const later = scripts(start.source).filter((file) => !html.includes(`"${file}"`));
  const links = later.map((file) => `<link rel="modulepreload" crossorigin href="${file}">`).join('');
  const page = html
    .replace('</head>', () => `${links}</head>`)
    .replace(ROOT, () => `<div id="root">${start.html}</div>`)
    .replaceAll(/<(script type="module"|link rel="modulepreload")/g, '<$1 fetchpriority="low"');
  return Buffer.from(page);
}

// Addresses of the page have no dot in their last part, and no empty part before it; files always have a dot.
function isPage(path: string): boolean {
  return path === '/index.html' || !/\/\/|\.[^/]*$/.test(path);
}

function answer(request: IncomingMessage, response: ServerResponse, path: string, file: StoredFile) {
  const encoding = encodingFor(request.headers['accept-encoding'] ?? '', file);
  const body = encoding ? (file[encoding] as Buffer) : file.raw;
  const etag = `"${file.etag}${encoding ? `-${encoding}` : ''}"`;
  response.setHeader('Cache-Control', cacheControl(path));
  response.setHeader('ETag', etag);
  if (file.br ?? file.gzip) response.setHeader('Vary', 'Accept-Encoding');
  if (request.headers['if-none-match']?.split(/\s*,\s*/).includes(etag)) {
    response.writeHead(304).end();
    return;
  }
  response.writeHead(200, {
    'Content-Type': file.type,
    'Content-Length': body.length,
    ...(encoding && { 'Content-Encoding': encoding }),
  });
  response.end(request.method === 'HEAD' ? undefined : body);
}

/** The packed copy to send: the smallest that the browser takes (RFC 9110 §12.5.3). */
function encodingFor(accepted: string, file: StoredFile): 'br' | 'gzip' | undefined {
  const weights = new Map(
    accepted.split(',').map((one) => {
      const [name = '', weight = ''] = one.split(';');
      return [name.trim().toLowerCase(), Number(/^\s*q=([\d.]+)\s*$/i.exec(weight)?.[1] ?? 1)];
    }),
  );
  const takes = (name: string) => (weights.get(name) ?? weights.get('*') ?? 0) > 0;
  return (['br', 'gzip'] as const).find((name) => file[name] && takes(name));
}
