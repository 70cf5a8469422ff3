// What the gateway tells of the system, put in order.
import type { PatternState } from '../api/contract';

export interface Service {
  name: string;
  patterns: PatternState[];
}

/** The patterns by the service that serves them: `orders.create` belongs to `orders`. Alphabetical. */
export function byService(patterns: PatternState[]): Service[] {
  const services = new Map<string, PatternState[]>();
  for (const state of [...patterns].sort((a, b) => a.pattern.localeCompare(b.pattern))) {
    const name = state.pattern.split('.')[0] ?? '';
    services.set(name, [...(services.get(name) ?? []), state]);
  }
  return [...services].map(([name, patterns]) => ({ name, patterns }));
}

/** Workers and messages waiting in all; null while any is unknown. */
export function total(patterns: Pick<PatternState, 'workers' | 'waiting'>[]): {
  workers: number | null;
  waiting: number | null;
} {
  const sum = (key: 'workers' | 'waiting') =>
    patterns.reduce<number | null>((all, state) => {
      const some = state[key];
      return all === null || some === null ? null : all + some;
    }, 0);
  return { workers: sum('workers'), waiting: sum('waiting') };
}

/** How messages are drawn that pass at a rate: how many at a time, and how long each takes, in seconds. */
export function movement(perSecond: number): { messages: number; seconds: number } {
  if (!perSecond) return { messages: 0, seconds: 0 };
  return {
    messages: Math.min(1 + Math.floor(Math.log2(1 + perSecond)), 7),
    seconds: Math.max(3 - perSecond / 50, 1.2),
  };
}

/** What changed in the numbers of workers, in words; nothing when nothing did. */
export function workerNews(before: PatternState[], after: PatternState[]): string {
  const known = new Map(before.map(({ pattern, workers }) => [pattern, workers]));
  return after
    .filter(({ pattern, workers }) => workers !== null && known.has(pattern) && known.get(pattern) !== workers)
    .map(({ pattern, workers }) => `${pattern}: ${workers === 0 ? 'nobody serves it' : plural(workers ?? 0)}`)
    .join('. ');
}

export const plural = (workers: number) => `${workers} ${workers === 1 ? 'worker' : 'workers'}`;
