// The built page's files, read once: what is served stays whole while a newer page is being built.
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { extname, join } from 'node:path';
import { brotliCompressSync, gzipSync } from 'node:zlib';

export interface StoredFile {
  type: string;
  etag: string;
  raw: Buffer;
  br?: Buffer;
  gzip?: Buffer;
}

const TYPES: Record<string, string> = {
  '.css': 'text/css; charset=utf-8',
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.json': 'application/json',
  '.svg': 'image/svg+xml; charset=utf-8',
  '.txt': 'text/plain; charset=utf-8',
  '.woff2': 'font/woff2',
};

/** Every file of a directory by its path, as in `/assets/a.js`; packed copies stand with their original. */
export function storedFiles(directory: string): Map<string, StoredFile> {
  const names = readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
  const present = new Set(names);
  const copy = (name: string) => (present.has(name) ? readFileSync(name) : undefined);
  const files = new Map<string, StoredFile>();
  for (const name of names) {
    if (/\.(br|gz)$/.test(name) && present.has(name.replace(/\.(br|gz)$/, ''))) continue;
    const [br, gzip] = [copy(`${name}.br`), copy(`${name}.gz`)];
    files.set(name.slice(directory.replace(/\/$/, '').length), {
      ...stored(readFileSync(name), TYPES[extname(name)] ?? 'application/octet-stream'),
      ...(br && { br }),
      ...(gzip && { gzip }),
    });
  }
  return files;
}

/** The same, with its packed copies. */
export function packed(file: StoredFile): StoredFile {
  return { ...file, br: brotliCompressSync(file.raw), gzip: gzipSync(file.raw) };
}

/** Bytes that are in no file, ready to be served like those that are. */
export function stored(raw: Buffer, type = TYPES['.html'] as string): StoredFile {
  return { type, raw, etag: createHash('sha256').update(raw).digest('base64url').slice(0, 22) };
}
