// Renews the access token: once, however many requests and tabs find out at the same time that it has expired.
import { locked } from '../lib/lock';
import { refresh } from './open';
import { Problem } from './problem';
import { currentSession, endSession, renewSession } from './session';

let running: Promise<string | null> | undefined;

/**
 * A token newer than `stale`; null when the session is over. Throws a Problem when nobody can say: then the session
 * stays, and the request may be tried again.
 */
export function freshToken(stale: string): Promise<string | null> {
  running ??= locked('session', () => renew(stale)).finally(() => {
    running = undefined;
  });
  return running;
}

async function renew(stale: string): Promise<string | null> {
  const session = currentSession();
  if (!session) return null;
  // Another tab was faster. A refresh token is good once: using it again would look like a theft.
  if (session.accessToken !== stale) return session.accessToken;
  try {
    const tokens = await refresh(session.userId, session.refreshToken);
    renewSession(tokens);
    return tokens.access_token;
  } catch (failure) {
    if (!(failure instanceof Problem) || !isRefusal(failure)) throw failure;
    endSession();
    return null;
  }
}

/** Whether the refresh token is good for nothing, as opposed to: nobody could look. */
function isRefusal({ status }: Problem): boolean {
  return status >= 400 && status < 500 && status !== 429 && status !== 408;
}
