// Reads the target of a request line (RFC 9112 §3.2), which may be anything.

/** The decoded path that a request asks for; null when its target is none. */
export function pathOf(target: string): string | null {
  if (/^https?:\/\//i.test(target)) return URL.canParse(target) ? decoded(new URL(target).pathname) : null;
  return target.startsWith('/') ? decoded(target.replace(/[?#].*$/s, '')) : null;
}

function decoded(path: string): string | null {
  try {
    return decodeURIComponent(path);
  } catch {
    return null;
  }
}
