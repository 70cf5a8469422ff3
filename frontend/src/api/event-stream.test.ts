import { expect, test } from 'vitest';
import { eventStream } from './event-stream';

/** What is told of a stream that comes in these pieces. */
function told(...pieces: string[]): string[] {
  const all: string[] = [];
  const take = eventStream({
    onId: (id) => all.push(`id ${id}`),
    onEvent: ({ event, data }) => all.push(`${event} ${data}`),
  });
  pieces.forEach(take);
  return all;
}

test('an id without data is no event, and is told', () => {
  expect(told('retry: 1000\nid: 7\n\n')).toEqual(['id 7']);
});

test('an event has the name and every line of data that its block has', () => {
  expect(told(': a comment\nid: 8\nevent: order.created\ndata: {\ndata:"a": 1}\n\ndata\n\nevent: gone\n\n')).toEqual([
    'id 8',
    'order.created {\n"a": 1}',
    'message ',
  ]);
});

test('lines end in three ways, also where a piece ends', () => {
  const stream = 'id: 1\r\ndata: a\r\n\r\nid: 2\rdata: b\r\rid: 3\ndata: c\n\n';
  const events = ['id 1', 'message a', 'id 2', 'message b', 'id 3', 'message c'];
  expect(told(stream)).toEqual(events);
  expect(told(...stream)).toEqual(events);
});

test('an id with a null character is none, and what has no blank line after it is not told', () => {
  expect(told('id: 1\0\ndata: a\n\nid: 2\ndata: b\n')).toEqual(['message a']);
});
