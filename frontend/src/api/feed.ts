// The live feed of new orders (server-sent events), read with fetch because it needs the access token.
import { authorised } from './authorised';
import type { Order } from './contract';
import { eventStream, type ServerEvent } from './event-stream';
import { problemOf } from './problem';
import { gateway } from './send';

/** The gateway sends at least a comment now and then: a silence as long as this means that the line is dead. */
const SILENCE_MS = 45_000;
/** A stream that lasted as long as this was a good one. */
const STEADY_MS = 3_000;
const FIRST_WAIT_MS = 150;
const LONGEST_WAIT_MS = 15_000;

/** `absent`: this gateway has no feed. */
export type FeedState = 'connecting' | 'live' | 'waiting' | 'absent';

interface Listener {
  onOrder: (order: Order) => void;
  onState: (state: FeedState) => void;
}

/**
 * Reads the feed until it is aborted. A stream that ends is opened again at once, from the last event on: the gateway ends
 * it with the access token. While nobody answers, the pauses grow.
 */
export async function readFeed({ onOrder, onState }: Listener, signal: AbortSignal): Promise<void> {
  let lastEventId = '';
  let wait = FIRST_WAIT_MS;
  const listener = {
    // A new feed begins with one, before its first event: an order placed while it is broken is then not missed.
    onId: (id: string) => {
      lastEventId = id;
    },
    onEvent: ({ event, data }: ServerEvent) => {
      if (event === 'order.created') onOrder(JSON.parse(data));
    },
  };
  onState('connecting');
  while (!signal.aborted) {
    const begun = Date.now();
    try {
      const stream = await open(lastEventId, signal);
      if (!stream) {
        onState('absent');
        return;
      }
      onState('live');
      await read(stream, listener, signal);
    } catch {
      // Whatever it was, the answer is the same: try again, and tell that nothing is heard meanwhile.
      if (!signal.aborted) onState('waiting');
    }
    wait = Date.now() - begun > STEADY_MS ? FIRST_WAIT_MS : Math.min(wait * 2, LONGEST_WAIT_MS);
    await pause(wait * (0.5 + Math.random()), signal);
  }
}

/** The open feed; null when the gateway has none. */
async function open(lastEventId: string, signal: AbortSignal): Promise<ReadableStream<Uint8Array> | null> {
  const headers: Record<string, string> = { Accept: 'text/event-stream' };
  if (lastEventId) headers['Last-Event-ID'] = lastEventId;
  const request = new Request(`${gateway}/orders/events`, { headers, cache: 'no-store', signal });
  const response = await authorised(request, signal); // no deadline: it lasts
  const isFeed = response.headers.get('content-type')?.startsWith('text/event-stream');
  if (response.ok && isFeed && response.body) return response.body;
  await response.body?.cancel();
  if (response.status === 404 || response.status === 405) return null;
  throw problemOf(response, null);
}

async function read(
  stream: ReadableStream<Uint8Array>,
  listener: Parameters<typeof eventStream>[0],
  signal: AbortSignal,
) {
  const take = eventStream(listener);
  const reader = stream.pipeThrough(new TextDecoderStream() as TransformStream<Uint8Array, string>).getReader();
  const stop = () => void reader.cancel().catch(() => undefined);
  signal.addEventListener('abort', stop, { once: true });
  try {
    for (;;) {
      const silence = setTimeout(stop, SILENCE_MS);
      const { done, value } = await reader.read().finally(() => clearTimeout(silence));
      if (done) return;
      take(value);
    }
  } finally {
    signal.removeEventListener('abort', stop);
    stop();
  }
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    const stop = () => {
      clearTimeout(timer);
      resolve();
    };
    signal.addEventListener('abort', stop, { once: true });
  });
}
