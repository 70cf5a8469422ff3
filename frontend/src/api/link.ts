// Reads the Link header (RFC 8288) of a page of a list.

/** The cursor of the next page; null on the last. */
export function nextCursor(header: string | null): string | null {
  for (const [, target, parameters] of (header ?? '').matchAll(/<([^>]*)>([^<]*)/g)) {
    if (/;\s*rel="?next"?/i.test(parameters ?? '')) {
      return new URL(target ?? '', 'http://gateway').searchParams.get('cursor');
    }
  }
  return null;
}
