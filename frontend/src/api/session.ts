// Who is signed in: the tokens in localStorage, the same for all tabs, and news of their change.
import { createContext, use, useSyncExternalStore } from 'react';
import type { SignedIn, Tokens } from './contract';

/** Frozen: other programs may read these. */
const KEYS = { accessToken: 'access_token', refreshToken: 'refresh_token', userId: 'user_id' } as const;

export interface Session {
  accessToken: string;
  refreshToken: string;
  userId: string;
}

const listeners = new Set<() => void>();
let last: Session | null = null;
let words: string | null = null;

/** The session, as all tabs have it now. The same object until it changes. */
export function currentSession(): Session | null {
  const accessToken = localStorage.getItem(KEYS.accessToken);
  const refreshToken = localStorage.getItem(KEYS.refreshToken);
  const userId = localStorage.getItem(KEYS.userId);
  if (!accessToken || !refreshToken || !userId) {
    last = null;
  } else if (last?.accessToken !== accessToken || last.refreshToken !== refreshToken || last.userId !== userId) {
    last = { accessToken, refreshToken, userId };
  }
  return last;
}

/** Somebody signed in, here. */
export function beginSession({ tokens, user }: SignedIn) {
  words = null;
  localStorage.setItem(KEYS.userId, user.id);
  renewSession(tokens);
}

/** The session goes on with new tokens. */
export function renewSession(tokens: Tokens) {
  localStorage.setItem(KEYS.refreshToken, tokens.refresh_token);
  localStorage.setItem(KEYS.accessToken, tokens.access_token);
  tell();
}

/** Nobody is signed in any more, in any tab; `farewell` is what to say about it here. */
export function endSession(farewell: string | null = null) {
  words = farewell;
  for (const key of Object.values(KEYS)) localStorage.removeItem(key);
  tell();
}

/** What there is to say about the end of the session that this tab had. */
export const farewell = () => words;

/** Calls back after every change, whichever tab made it. Returns how to stop. */
export function onSessionChange(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** The id of the user who is signed in, or null. */
export function useUserId(): string | null {
  const onServer = use(SessionOnServer);
  return useSyncExternalStore(
    onSessionChange,
    () => currentSession()?.userId ?? null,
    () => onServer,
  );
}

/** For whom the server makes a page: the id of a user, or null. */
export const SessionOnServer = createContext<string | null>(null);

function tell() {
  for (const listener of [...listeners]) listener();
}

// Browsers tell the other tabs, and only those. A key of null means that everything was cleared.
if (typeof window !== 'undefined') {
  window.addEventListener('storage', ({ key }) => {
    if (key === null || Object.values<string>(KEYS).includes(key)) tell();
  });
}
