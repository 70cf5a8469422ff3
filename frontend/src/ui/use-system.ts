// The state of the system, asked for all the time, and whether it is that of now.
import { useQuery } from '@tanstack/react-query';
import { useEffect, useState } from 'react';
import { system as load } from '../api/client';
import { keys } from '../queries';
import { problemIn } from './trouble';

/** The gateway counts at most a second ago; asked this often, a new worker is here within two. */
const LOOK_MS = 700;
/** A state that is older is not called that of now. */
const FRESH_MS = 2_000;

export function useSystem() {
  const query = useQuery({
    queryKey: keys.system,
    queryFn: ({ signal }) => load(signal),
    refetchInterval: ({ state }) => Math.max(LOOK_MS, retryAfter(state.error)),
    retry: false, // it is asked again anyway
    meta: { quiet: true },
    staleTime: 0,
  });
  const late = useLate(query.dataUpdatedAt);
  return { query, outage: query.data ? outageOf(problemIn(query)?.status, late) : null };
}

/** What is wrong with the gateway, in words; null when nothing is. */
function outageOf(status: number | undefined, late: boolean): string | null {
  if (status === 0) return 'unreachable, reconnecting';
  if (status !== undefined) return `answers with an error (${status})`;
  return late ? 'does not answer' : null;
}

function retryAfter(error: unknown): number {
  return error instanceof Error && 'retryAfterMs' in error ? Number(error.retryAfterMs) : 0;
}

/** Whether nothing came for too long; nothing is asked for while this tab is hidden. */
function useLate(dataUpdatedAt: number): boolean {
  // Which state has become too old: the next one is not, from its first sight on.
  const [old, setOld] = useState<number | null>(null);
  useEffect(() => {
    let since = dataUpdatedAt;
    const look = () => setOld(Date.now() - since > FRESH_MS ? dataUpdatedAt : null);
    const shown = () => {
      since = Date.now();
      look();
    };
    look();
    const timer = setInterval(look, 250);
    document.addEventListener('visibilitychange', shown);
    return () => {
      clearInterval(timer);
      document.removeEventListener('visibilitychange', shown);
    };
  }, [dataUpdatedAt]);
  return old === dataUpdatedAt;
}
