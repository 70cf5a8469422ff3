// What went wrong with a request: the gateway's problem document (RFC 9457), or that nobody answered.

export type FieldErrors = Record<string, string[]>;

interface Details {
  status: number;
  code: string;
  message: string;
  errors?: FieldErrors;
  retryAfterMs?: number;
  requestId?: string;
}

/** A request that did not succeed. */
export class Problem extends Error {
  /** The HTTP status; 0 when no answer came. */
  readonly status: number;
  /** The gateway's stable code; `unreachable` and `no_answer` are this page's own. */
  readonly code: string;
  /** What is wrong, by field. */
  readonly errors: FieldErrors;
  /** How long the gateway asked to be left alone, in milliseconds from `receivedAt`. */
  readonly retryAfterMs: number;
  /** When this became known here, in milliseconds since 1970. */
  readonly receivedAt = Date.now();
  readonly requestId: string | undefined;

  constructor(details: Details) {
    super(details.message);
    this.name = 'Problem';
    this.status = details.status;
    this.code = details.code;
    this.errors = details.errors ?? {};
    this.retryAfterMs = details.retryAfterMs ?? 0;
    this.requestId = details.requestId;
  }

  /** Whether nothing was done and asking again later may well succeed. */
  get passes(): boolean {
    return this.status === 503 || this.status === 429 || this.code === 'unreachable';
  }

  /** Whether it is ours, so that whoever looks into it wants to know which request it was. */
  get ours(): boolean {
    return this.status >= 500;
  }

  /** Whether nobody knows if it was done. */
  get unknown(): boolean {
    return this.status === 504 || this.code === 'no_answer';
  }
}

const LONGEST_MS = 24 * 60 * 60_000;

/** The problem that an answer tells of, whatever its body looks like. */
export function problemOf(response: Response, body: unknown): Problem {
  const document = isObject(body) ? body : {};
  const text = (key: string) => (typeof document[key] === 'string' ? document[key] : undefined);
  const requestId = text('requestId') ?? response.headers.get('x-request-id') ?? undefined;
  return new Problem({
    status: response.status,
    code: text('code') ?? 'unknown',
    message: text('message') ?? `The gateway answered ${response.status} without saying why.`,
    errors: fieldErrors(document.errors),
    retryAfterMs: retryAfter(response.headers.get('retry-after'), Date.now()),
    ...(requestId ? { requestId } : {}),
  });
}

/** The problem of a request that got no answer. */
export function problemOfFailure(failure: unknown): Problem {
  const timedOut = failure instanceof DOMException && failure.name === 'TimeoutError';
  return timedOut
    ? new Problem({ status: 0, code: 'no_answer', message: 'No answer came in time.' })
    : new Problem({ status: 0, code: 'unreachable', message: 'The gateway cannot be reached.' });
}

/** The header `Retry-After` (RFC 9110: seconds or a date) in milliseconds from `now`; never more than a day. */
export function retryAfter(header: string | null, now: number): number {
  if (!header) return 0;
  const wait = /^\d+$/.test(header) ? Number(header) * 1000 : Date.parse(header) - now;
  return Number.isFinite(wait) ? Math.min(Math.max(wait, 0), LONGEST_MS) : 0;
}

function fieldErrors(value: unknown): FieldErrors {
  if (!isObject(value)) return {};
  const entries = Object.entries(value).filter((entry): entry is [string, string[]] => Array.isArray(entry[1]));
  return Object.fromEntries(entries);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
