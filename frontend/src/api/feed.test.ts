import { afterEach, beforeEach, expect, test, vi } from 'vitest';

vi.stubGlobal('localStorage', { getItem: () => null });
const { readFeed } = await import('./feed');

const stream = (...chunks: string[]) =>
  new Response(new Blob(chunks).stream(), { headers: { 'content-type': 'text/event-stream' } });

let answers: (() => Response)[];
let asked: Request[];
let told: string[];

/** Reads the feed until it has told as much as this. */
async function read(enough: number): Promise<void> {
  const stop = new AbortController();
  const tell = (what: string) => {
    told.push(what);
    if (told.length >= enough) stop.abort();
  };
  await readFeed({ onOrder: ({ id }) => tell(`order ${id}`), onState: tell }, stop.signal);
}

beforeEach(() => {
  [asked, told] = [[], []];
  vi.spyOn(Math, 'random').mockReturnValue(0);
  vi.stubGlobal('fetch', async (request: Request) => {
    asked.push(request);
    const answer = answers.shift();
    if (!answer) throw new TypeError('nobody there');
    return answer();
  });
});

afterEach(() => vi.restoreAllMocks());

test('orders are told, comments and other events are not', async () => {
  answers = [() => stream(': hello\n\nid: 1\nevent: order.created\nda', 'ta: {"id":"a"}\n\nevent: other\ndata: x\n\n')];
  await read(4);
  expect(told).toEqual(['connecting', 'live', 'order a', 'waiting']); // nobody answers after that
});

test('a broken feed is opened again after the last event', async () => {
  answers = [
    () => stream('id: 7\nevent: order.created\ndata: {"id":"a"}\n\n'),
    () => new Response('{}', { status: 503 }),
    () => stream('id: 8\nevent: order.created\ndata: {"id":"b"}\n\n'),
  ];
  await read(6);
  expect(told).toEqual(['connecting', 'live', 'order a', 'waiting', 'live', 'order b']);
  expect(asked.map((request) => request.headers.get('last-event-id'))).toEqual([null, '7', '7']);
});

test('a feed that breaks before its first event goes on from where it began', async () => {
  answers = [() => stream('retry: 1000\nid: 6\n\n'), () => stream('id: 7\nevent: order.created\ndata: {"id":"a"}\n\n')];
  await read(4);
  expect(told).toEqual(['connecting', 'live', 'live', 'order a']);
  expect(asked.map((request) => request.headers.get('last-event-id'))).toEqual([null, '6']);
});

test('where there is no feed it says so and asks no more', async () => {
  answers = [() => new Response('{}', { status: 404 })];
  await read(99);
  expect(told).toEqual(['connecting', 'absent']);
});
