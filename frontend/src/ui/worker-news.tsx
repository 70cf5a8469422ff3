// Tells those who listen when workers come and go.
import { useEffect, useRef, useState } from 'react';
import type { SystemState } from '../api/contract';
import { workerNews } from '../lib/topology';

export function WorkerNews({ state }: { state: SystemState }) {
  const before = useRef(state);
  const [news, setNews] = useState('');
  useEffect(() => {
    const now = workerNews(before.current.patterns, state.patterns);
    if (now) setNews(now);
    before.current = state;
  }, [state]);
  return (
    <p role="status" className="sr-only">
      {news}
    </p>
  );
}
