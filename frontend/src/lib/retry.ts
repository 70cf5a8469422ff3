// How queries are tried again: only what may pass, with growing pauses, and not for ever.
import { Problem } from '../api/problem';

const TRIES = 8;
const FIRST_MS = 700;
const LONGEST_MS = 15_000;

/** Whether to try again after so many failures. */
export function shouldRetry(failures: number, error: unknown): boolean {
  return error instanceof Problem && (error.passes || error.unknown) && failures < TRIES;
}

/** How long to wait before that, in milliseconds: at least as long as the gateway asked for. */
export function retryDelay(failures: number, error: unknown, random = Math.random): number {
  const growing = Math.min(FIRST_MS * 2 ** failures, LONGEST_MS) * (0.75 + random() / 2);
  return Math.max(growing, error instanceof Problem ? error.retryAfterMs : 0);
}
