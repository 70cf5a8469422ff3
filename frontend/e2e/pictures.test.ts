// The pictures in the README, taken while something is going on. `npm run pictures` puts them there.
import { statSync } from 'node:fs';
import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import {
  type Account,
  heading,
  ORDERS,
  OUTPUT,
  openBrowser,
  openTab,
  place,
  register,
  shell,
  signIn,
  until,
  workers,
} from './tools';

const stack = inject('stack');
let browser: Browser;
let account: Account;

beforeAll(async () => {
  browser = await openBrowser();
  account = await register(stack);
});
afterAll(() => browser.close());

const take = (order: object) => place(stack, account, order);

test('pictures of the start, the orders and the system, each small', async () => {
  await shell(stack, 'scripts/scale orders-create 3');
  await until('three workers served', async () => (await workers(stack, 'orders.create')) === 3);
  account = await register(stack);
  for (const order of ORDERS) await take(order);
  const look = { viewport: { width: 1100, height: 690 }, deviceScaleFactor: 0.7 };
  const light = await openTab(browser, stack, { ...look, colorScheme: 'light' });
  // The board has its columns on a wide screen only.
  const wide = { viewport: { width: 1300, height: 815 }, deviceScaleFactor: 0.6 };
  const dark = await openTab(browser, stack, { ...wide, colorScheme: 'dark' });

  await light.page.goto('/');
  await heading(light.page, 'Every request here becomes a message.').waitFor();
  await light.page.screenshot({ path: join(OUTPUT, 'readme-home.png') });

  await signIn(light.page, account);
  await light.page.goto('/orders');
  await light.page.locator('[data-feed=live]').waitFor();
  await light.page.screenshot({ path: join(OUTPUT, 'readme-orders.png') });

  await signIn(dark.page, account);
  await dark.page.goto('/system');
  await dark.page.locator('[data-pattern="orders.create"][data-workers="3"]').waitFor();
  await Promise.all(Array.from({ length: 40 }, () => take({ title: 'Load', description: 'Much', price: 1 })));
  const row = dark.page.locator('[data-pattern="orders.create"]');
  await until('messages were on their way', () => row.locator('.animate-travel').count());
  await dark.page.screenshot({ path: join(OUTPUT, 'readme-system.png') });

  for (const name of ['home', 'orders', 'system']) {
    expect(statSync(join(OUTPUT, `readme-${name}.png`)).size, name).toBeLessThan(60 * 1024);
  }
  await shell(stack, 'scripts/scale orders-create 1');
  await light.context.close();
  await dark.context.close();
});
