// The refresh: once, however many requests and tabs need it.
import { afterEach, beforeEach, expect, test, vi } from 'vitest';

const store = new Map<string, string>();
let calls: string[] = [];
let refreshAnswer: () => Response;
let authorised: typeof import('./authorised').authorised;

const json = (status: number, body: unknown) => new Response(JSON.stringify(body), { status });

/** A gateway to which only the token `new` is good. */
async function gateway(request: Request): Promise<Response> {
  const path = new URL(request.url).pathname;
  const token = request.headers.get('authorization');
  calls.push(`${path} ${token ?? ''} ${await request.text()}`.trim());
  if (path === '/users/refresh') return refreshAnswer();
  return token === 'Bearer new' ? json(200, {}) : json(401, { code: 'session_expired' });
}

const refreshes = () => calls.filter((call) => call.startsWith('/users/refresh'));

beforeEach(async () => {
  vi.resetModules();
  store.clear();
  for (const [key, value] of [
    ['access_token', 'old'],
    ['refresh_token', 'r1'],
    ['user_id', 'u'],
  ] as const)
    store.set(key, value);
  calls = [];
  refreshAnswer = () => json(200, { tokens: { access_token: 'new', refresh_token: 'r2' } });
  vi.stubGlobal('localStorage', {
    getItem: (key: string) => store.get(key) ?? null,
    setItem: (key: string, value: string) => void store.set(key, value),
    removeItem: (key: string) => void store.delete(key),
  });
  vi.stubGlobal('navigator', {});
  vi.stubGlobal('fetch', gateway);
  ({ authorised } = await import('./authorised'));
});

afterEach(() => vi.unstubAllGlobals());

const ask = (body?: string) => authorised(new Request('http://gateway/x', body ? { method: 'POST', body } : {}));

test('an expired token is renewed and the request sent again, body and all', async () => {
  expect((await ask('hello')).status).toBe(200);
  expect(calls).toEqual([
    '/x Bearer old hello',
    '/users/refresh  {"userId":"u","refreshToken":"r1"}',
    '/x Bearer new hello',
  ]);
  expect(Object.fromEntries(store)).toEqual({ access_token: 'new', refresh_token: 'r2', user_id: 'u' });
});

test('many requests at once share one refresh', async () => {
  const answers = await Promise.all(Array.from({ length: 5 }, () => ask()));
  expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200]);
  expect(refreshes()).toHaveLength(1);
});

test('a token that another tab has renewed is used as it is', async () => {
  vi.stubGlobal('navigator', {
    locks: {
      request: async (_: string, __: object, work: () => Promise<string>) => {
        store.set('access_token', 'new'); // while this tab waited for its turn
        return work();
      },
    },
  });
  expect((await ask()).status).toBe(200);
  expect(refreshes()).toHaveLength(0);
});

test('a refused refresh ends the session, and the answer is the 401', async () => {
  refreshAnswer = () => json(401, { code: 'session_ended' });
  expect((await ask()).status).toBe(401);
  expect(store.size).toBe(0);
});

test('a refresh that nobody can answer leaves the session alone', async () => {
  refreshAnswer = () => json(503, { code: 'service_unavailable' });
  await expect(ask()).rejects.toMatchObject({ code: 'service_unavailable' });
  expect(store.get('refresh_token')).toBe('r1');
});

test('the token is renewed once, even when the new one is no good either', async () => {
  refreshAnswer = () => json(200, { tokens: { access_token: 'bad', refresh_token: 'r2' } });
  expect((await ask()).status).toBe(401);
  expect(refreshes()).toHaveLength(1);
});
