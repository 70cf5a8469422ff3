// What was asked of the gateway and is remembered: for one user only, and forgotten when another comes.
import { QueryClient } from '@tanstack/react-query';
import { currentSession, onSessionChange } from './api/session';
import type { Filters } from './lib/filters';
import { retryDelay, shouldRetry } from './lib/retry';

export const queries = new QueryClient({
  defaultOptions: {
    // `always`: the gateway may be on this machine, so being offline says nothing. Failures do.
    queries: { networkMode: 'always', retry: shouldRetry, retryDelay, staleTime: 5_000 },
    mutations: { networkMode: 'always', retry: false },
  },
});

export const keys = {
  orders: ['orders'],
  ordersWith: (filters: Filters) => ['orders', filters],
  anyOrder: ['order'],
  order: (id: string) => ['order', id],
  history: (id: string) => ['history', id],
  profile: ['profile'],
  sessions: ['sessions'],
  system: ['system'],
} as const;

let userId = typeof window === 'undefined' ? null : (currentSession()?.userId ?? null);
onSessionChange(() => {
  const now = currentSession()?.userId ?? null;
  if (now !== userId) queries.clear();
  userId = now;
});
