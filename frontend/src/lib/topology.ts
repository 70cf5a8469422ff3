// What the gateway tells of the system, put in order.
import type { PatternState, RelayState, SystemState } from '../api/contract';

export interface Service {
  name: string;
  patterns: PatternState[];
}

const byName = new Intl.Collator('en', { numeric: true }).compare;

/** The patterns by the service that serves them: `orders.create` belongs to `orders`. Alphabetical, `_2` before `_10`. */
export function byService(patterns: PatternState[]): Service[] {
  const services = new Map<string, PatternState[]>();
  for (const state of [...patterns].sort((a, b) => byName(a.pattern, b.pattern))) {
    const name = state.pattern.split('.')[0] ?? '';
    services.set(name, [...(services.get(name) ?? []), state]);
  }
  return [...services].map(([name, patterns]) => ({ name, patterns }));
}

/** The parts of the system by their names, in the same order. */
export function inOrder<Name extends string, Part extends Record<Name, string>>(parts: Part[], name: Name): Part[] {
  return [...parts].sort((a, b) => byName(a[name], b[name]));
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

/** Whether a relay publishes; null while nobody can tell. */
export function publishes({ workers, standby }: Pick<RelayState, 'workers' | 'standby'>): boolean | null {
  if (workers === 0) return false;
  return workers === null || standby === null ? null : workers > standby;
}

/** What is away, by name. A pattern without workers is not: it may sleep until somebody asks, and its row says so. */
export function away({ broker, patterns, listeners, relays, databases }: SystemState): string[] {
  return [
    ...(broker ? [] : ['broker']),
    ...databases.filter(({ reachable }) => reachable === false).map(({ database }) => `${database} database`),
    ...relays.filter((relay) => publishes(relay) === false).map(({ relay }) => relay),
    ...listeners.filter(({ workers }) => workers === 0).map(({ listener }) => listener),
    ...patterns.filter(({ circuitOpen }) => circuitOpen).map(({ pattern }) => pattern),
  ];
}

/** What changed in the system, in words; nothing when nothing did. */
export function systemNews(before: SystemState, after: SystemState): string {
  const known = new Map(facts(before));
  return facts(after)
    .filter(([name, words]) => words !== null && known.has(name) && known.get(name) !== words)
    .map(([name, words]) => `${name}: ${words}`)
    .join('. ');
}

/** What is worth telling of each part; null for what nobody knows. */
function facts({ broker, patterns, listeners, relays, databases }: SystemState): [string, string | null][] {
  return [
    ['Broker', broker ? 'connected' : 'unreachable'],
    ...databases.map(({ database, reachable }): [string, string | null] => [
      `${database} database`,
      reachable === null ? null : reachable ? 'reachable' : 'unreachable',
    ]),
    ...patterns.map(({ pattern, workers, circuitOpen }): [string, string | null] => [
      pattern,
      circuitOpen ? 'no replies' : countOf(workers),
    ]),
    ...listeners.map(({ listener, workers }): [string, string | null] => [listener, countOf(workers)]),
    ...relays.map((relay): [string, string | null] => [
      relay.relay,
      publishes(relay) === false && relay.workers !== 0 ? 'no leader' : countOf(relay.workers),
    ]),
  ];
}

const countOf = (workers: number | null) => (workers === null ? null : workers === 0 ? 'no workers' : plural(workers));

export const plural = (workers: number) => `${workers} ${workers === 1 ? 'worker' : 'workers'}`;
