// The system page: what starts and stops is seen there.
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { layoutFlaws } from './layout';
import { drawn, openBrowser, openTab, place, register, shell, signIn, until } from './tools';

const stack = inject('stack');
let browser: Browser;

beforeAll(async () => {
  browser = await openBrowser();
});
afterAll(() => browser.close());

test('another worker is seen, and so is that none is left', async () => {
  const { context, page, faults } = await openTab(browser, stack);
  await signIn(page, await register(stack));
  await page.goto('/system');
  const row = page.locator('[data-pattern="orders.get"]');
  await row.and(page.locator('[data-workers="1"]')).waitFor();
  await row.getByText('1 worker', { exact: true }).waitFor();

  await shell(stack, 'scripts/scale orders-get 2');
  await row.and(page.locator('[data-workers="2"]')).waitFor();
  await page.getByRole('status').getByText('orders.get: 2 workers').waitFor({ state: 'attached' });
  await shell(stack, 'scripts/scale orders-get 1');
  await row.and(page.locator('[data-workers="1"]')).waitFor();

  await shell(stack, 'process-compose process stop users-profile');
  const profile = page.locator('[data-pattern="users.profile"]');
  await profile.getByText('no workers').waitFor();
  await shell(stack, 'process-compose process start users-profile');
  await profile.getByText('1 worker', { exact: true }).waitFor();
  expect(faults).toEqual([]);
  await context.close();
});

test('what passes is seen: its rate and how long it took', async () => {
  const { context, page } = await openTab(browser, stack);
  const account = await register(stack);
  await signIn(page, account);
  await page.goto('/system');
  await page.locator('[data-pattern="orders.create"]').waitFor();
  for (let number = 0; number < 10; number += 1) await place(stack, account, { title: `Load ${number}` });
  const row = page.locator('[data-pattern="orders.create"]');
  await until('the row had a rate and a latency', async () => /[1-9].* m?s/.test((await row.textContent()) ?? ''));
  await context.close();
});

test('whatever is taken away, the board says which, and claims nothing that it does not know', async () => {
  const { context, page, faults } = await openTab(browser, stack);
  const compose = (what: string) => shell(stack, `process-compose process ${what}`);
  const stop = (name: string) => page.locator('[data-known] li', { hasText: new RegExp(`^${name}`) });
  const row = (name: string) => page.locator(`[data-pattern="${name}"]`);
  const moves = () => page.locator('[data-known] .animate-travel').count();
  // Nobody is signed in: the board is for everybody.
  await page.goto('/system');
  await row('orders.relay').getByText('1 leader, 0 standby').waitFor();
  for (const database of ['orders', 'users'])
    await page.locator(`[data-database=${database}][data-reachable=true]`).waitFor();

  await compose('stop orders-relay');
  await row('orders.relay').getByText('no workers').waitFor();
  await compose('start orders-relay');
  await compose('stop users-on-order-created');
  await row('users.on_order_created').getByText('no workers').waitFor();
  await page.getByRole('status').getByText('users.on_order_created: no workers').waitFor({ state: 'attached' });
  await compose('start users-on-order-created');
  await row('users.on_order_created').getByText('1 worker').waitFor();
  await row('orders.relay').getByText('1 leader, 0 standby').waitFor();

  await compose('stop orders-db');
  await page.locator('[data-database=orders][data-reachable=false]').getByText('unreachable').waitFor();
  await page.getByText(/^Down: orders database/).waitFor();
  expect(await page.locator('[data-database=users][data-reachable=true]').count()).toBe(1);
  await compose('start orders-db');
  await page.locator('[data-database=orders][data-reachable=true]').waitFor();
  await page.getByText('Live: updates every second').waitFor();

  // A gateway that is frozen is found out like one that is gone.
  const pid = (await shell(stack, 'process-compose process get gateway -o json')).match(/"pid": ?(\d+)/)?.[1];
  for (const [away, words, back] of [
    [`kill -STOP ${pid}`, 'does not answer', `kill -CONT ${pid}`],
    ['process-compose process stop gateway', 'unreachable, reconnecting', 'process-compose process start gateway'],
  ] as const) {
    await shell(stack, away);
    await stop('Gateway').getByText(words).waitFor();
    await stop('Broker').getByText('unknown').waitFor();
    await page.getByText(/^Not updating: as of \d+:\d\d:\d\d/).waitFor();
    expect([await moves(), await page.locator('[data-known] .bg-clear').count()]).toEqual([0, 1]); // this page is there
    await shell(stack, back);
    await stop('Gateway').getByText('connected').waitFor();
  }

  await compose('stop broker');
  await stop('Broker').getByText('unreachable, reconnecting').waitFor();
  await row('orders.create').getByText('unknown').first().waitFor();
  expect(await moves(), 'nothing moves where nobody knows').toBe(0);
  await compose('start broker');
  await stop('Broker').getByText('connected').waitFor();
  await row('orders.create').getByText('1 worker').waitFor();
  await row('users.relay').getByText('1 leader, 0 standby').waitFor();
  expect(faults).toEqual([]);
  await context.close();
});

test('64 workers of everything fit, with the largest numbers', async () => {
  const gateway = `http://localhost:${stack.environment.PORT_GATEWAY}/system`;
  const state = await (await fetch(gateway)).json();
  for (const part of [...state.patterns, ...state.listeners]) {
    Object.assign(part, { workers: 64, waiting: 123_456, circuitOpen: part.pattern === 'orders.get' });
    if (part.pattern) Object.assign(part, { ratePerSecond: 12_345, latencyMs: { p50: 12_345.6, p99: 123_456.7 } });
    else Object.assign(part, { retrying: 123_456, dead: 123_456 });
  }
  for (const relay of state.relays)
    Object.assign(relay, { workers: 64, standby: 63, unpublished: 100_000, oldestUnpublishedS: 86_400 });
  const { context, page, faults } = await openTab(browser, stack, { reducedMotion: 'reduce' });
  const headers = { 'Access-Control-Allow-Origin': '*' };
  await page.route(gateway, (route) => route.fulfill({ json: state, headers }));
  await page.goto('/system');
  const row = page.locator('[data-pattern="orders.create"]');
  await row.getByText('64 workers').waitFor();
  await row.getByText('123,456').waitFor();
  await page.locator('[data-pattern="orders.get"]').getByText('64 workers, no replies').waitFor();
  await page.evaluate(() => document.fonts.ready);
  const wrong: string[] = [];
  for (const colorScheme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme });
    for (const width of [320, 360, 768, 1280, 1920]) {
      await page.setViewportSize({ width, height: 900 });
      await drawn(page);
      for (const flaw of await layoutFlaws(page)) wrong.push(`${width} px, ${colorScheme}: ${flaw}`);
    }
  }
  expect(wrong).toEqual([]);
  expect(faults).toEqual([]);
  await context.close();
});
