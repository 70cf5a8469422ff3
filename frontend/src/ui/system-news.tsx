// Tells those who listen when a part of the system comes or goes: once, in one place.
import { useEffect, useRef, useState } from 'react';
import type { SystemState } from '../api/contract';
import { systemNews } from '../lib/topology';

export function SystemNews({ state, outage }: { state: SystemState; outage: string | null }) {
  const before = useRef(state);
  const [news, setNews] = useState('');
  useEffect(() => {
    const now = systemNews(before.current, state);
    if (now) setNews(now);
    before.current = state;
  }, [state]);
  return (
    <p role="status" className="sr-only">
      {outage ? `Gateway: ${outage}` : news}
    </p>
  );
}
