// The system page: what starts and stops is seen there.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { openBrowser, openTab, place, register, shell, signIn, tokenOf, until } from './tools';

const stack = inject('stack');
let browser: Browser;

beforeAll(async () => {
  browser = await openBrowser();
});
afterAll(() => browser.close());

/** When the second worker of a name said that it serves. */
function served(name: string): number | undefined {
  const log = readFileSync(join(stack.logs, `${name}.1.log`), 'utf8');
  const line = log.split('\n').find((text) => text.includes('"serving"'));
  return line ? Date.parse(JSON.parse(line).timestamp) : undefined;
}

test('another worker is seen within two seconds, and so is that none is left', { timeout: 60_000 }, async () => {
  const { context, page, faults } = await openTab(browser, stack);
  await signIn(page, await register(stack));
  await page.goto('/system');
  const row = page.locator('[data-pattern="orders.get"]');
  await row.and(page.locator('[data-workers="1"]')).waitFor();
  await row.getByText('1 worker', { exact: true }).waitFor();

  await shell(stack, 'scripts/scale orders-get 2');
  await row.and(page.locator('[data-workers="2"]')).waitFor();
  const seen = Date.now();
  expect(seen - (served('orders-get') ?? 0)).toBeLessThan(2_000);
  await page.getByRole('status').getByText('orders.get: 2 workers').waitFor({ state: 'attached' });
  await shell(stack, 'scripts/scale orders-get 1');
  await row.and(page.locator('[data-workers="1"]')).waitFor();

  await shell(stack, 'process-compose process stop users-profile');
  const profile = page.locator('[data-pattern="users.profile"]');
  await profile.getByText('nobody serves').waitFor();
  await shell(stack, 'process-compose process start users-profile');
  await profile.getByText('1 worker', { exact: true }).waitFor();
  expect(faults).toEqual([]);
  await context.close();
});

test('what passes is seen: its rate and how long it took', async () => {
  const { context, page } = await openTab(browser, stack);
  await signIn(page, await register(stack));
  await page.goto('/system');
  await page.locator('[data-pattern="orders.create"]').waitFor();
  for (let number = 0; number < 10; number += 1) await place(stack, await tokenOf(page), { title: `Load ${number}` });
  const row = page.locator('[data-pattern="orders.create"]');
  await until('the row had a rate and a latency', 10_000, async () =>
    /[1-9].* ms/.test((await row.textContent()) ?? ''),
  );
  await context.close();
});
