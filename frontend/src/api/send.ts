// Sends one request to the gateway, within a deadline, and says of every failure what it was.
import { problemOfFailure } from './problem';

/** The gateway answers within five seconds; what takes longer than this is lost. */
const DEADLINE_MS = 15_000;

/** Where the gateway is: the page's server writes it into the page. */
export const gateway = typeof document === 'undefined' ? 'http://gateway' : meta('gateway');

/** An answer, whatever its status. Throws a Problem when none came, and an AbortError when nobody wants it any more. */
export async function send(request: Request, deadline = AbortSignal.timeout(DEADLINE_MS)): Promise<Response> {
  try {
    return await fetch(request, { signal: AbortSignal.any([request.signal, deadline]) });
  } catch (failure) {
    if (request.signal.aborted) throw failure;
    throw problemOfFailure(failure);
  }
}

function meta(name: string): string {
  return document.querySelector<HTMLMetaElement>(`meta[name="${name}"]`)?.content ?? '';
}
