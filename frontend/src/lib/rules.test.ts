import { expect, test } from 'vitest';
import { priceOf } from './price';
import { newOrder, registration } from './rules';

const order = { title: 'Engine', description: 'One', price: '19.99', orderReference: '' };
const person = { email: 'ada@example.org', password: 'long enough', firstName: 'Ada', lastName: "O'Neil-Ščukina" };

function wrong(result: { error?: { issues: { path: PropertyKey[] }[] } | undefined }) {
  return result.error?.issues.map(({ path }) => path[0]) ?? [];
}

test('amounts are those of the contract, with a point or a comma', () => {
  const right = ['0.01', '19.99', '19,99', '7', '1000000', ' 5 ', '1,000,000', '1,000,000.00', '1 000', '1.000.000'];
  for (const price of [...right, "1'000.5", '1\u00a0000,50', '1.000,50', '$19.99', 'US$ 5', 'USD 5', '１２']) {
    expect(wrong(newOrder.safeParse({ ...order, price })), price).toEqual([]);
  }
  for (const price of [
    '',
    '0',
    '0.00',
    '0.001',
    '-1',
    '1e3',
    '1000000.01',
    '12.345',
    '1,00,000',
    '1,0000',
    '1.5.5',
    '1,000,000.01',
    '10,000,000',
    'x',
    '.5',
    '$',
    '1 00',
    '٣',
  ]) {
    expect(wrong(newOrder.safeParse({ ...order, price })), price).toEqual(['price']);
  }
  expect(['19,99', '0.1', '999999.99', '1,000,000', '1,234.5', '1.234,56', '1 234'].map(priceOf)).toEqual([
    19.99, 0.1, 999_999.99, 1_000_000, 1_234.5, 1_234.56, 1_234,
  ]);
});

test('what is too long or empty is said at its field', () => {
  expect(wrong(newOrder.safeParse({ ...order, title: '  ', description: 'x'.repeat(1001) }))).toEqual([
    'title',
    'description',
  ]);
  expect(wrong(newOrder.safeParse({ ...order, orderReference: 'x'.repeat(101) }))).toEqual(['orderReference']);
  expect(wrong(newOrder.safeParse({ ...order, title: 'a\u0000b', orderReference: 'a\nb' }))).toEqual([
    'title',
    'orderReference',
  ]);
  // Counted in characters, as the contract does: each of these is two UTF-16 units.
  expect(wrong(newOrder.safeParse({ ...order, title: '🚂'.repeat(100) }))).toEqual([]);
});

test('names of any script are names', () => {
  for (const firstName of [
    'Zoë',
    'Anne‐Marie', // a hyphen that is one
    'Nguyễn Thị',
    'अमित',
    '李小龍',
    'St. John',
    'Col·lell',
    'ディカプリオ・ジュニア',
    'علی\u200cرضا',
    'X Æ A-12',
  ]) {
    expect(wrong(registration.safeParse({ ...person, firstName })), firstName).toEqual([]);
  }
  for (const firstName of ['', '..', '12', '<b>', 'a\u0007b', '\u200dAda', 'Ada\u3164', 'x'.repeat(51)]) {
    expect(wrong(registration.safeParse({ ...person, firstName })), firstName).toEqual(['firstName']);
  }
});

test('addresses and passwords are held to the contract', () => {
  for (const email of ['a', 'a@b', '@b.co', 'a b@c.de', 'a@b..co']) {
    expect(wrong(registration.safeParse({ ...person, email })), email).toEqual(['email']);
  }
  expect(wrong(registration.safeParse({ ...person, password: 'short' }))).toEqual(['password']);
  expect(wrong(registration.safeParse({ ...person, password: '        ' }))).toEqual([]);
});
