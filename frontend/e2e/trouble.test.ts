// The page while something is away, and how it comes back by itself.
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { fillIn, heading, openBrowser, openTab, place, register, shell, signIn, until, workers } from './tools';

const stack = inject('stack');
let browser: Browser;

beforeAll(async () => {
  browser = await openBrowser();
});
afterAll(() => browser.close());

const compose = (what: string) => shell(stack, `process-compose process ${what}`);

test('the gateway goes and comes back', async () => {
  const account = await register(stack);
  await place(stack, account, { title: 'Kept' });
  const { context, page, faults } = await openTab(browser, stack);
  await signIn(page, account);
  await page.goto('/orders');
  await page.getByRole('link', { name: /Kept/ }).waitFor();
  await page.locator('[data-feed=live]').waitFor();

  await compose('stop gateway');
  // A page that has nothing says what is wrong; one that has something shows it, and says that it is old.
  const other = await context.newPage();
  await other.goto('/profile');
  await other.getByRole('alert').getByText('The gateway cannot be reached').waitFor();
  await page.locator('[data-feed=waiting]').getByText('Not live').waitFor();
  await page.getByRole('link', { name: /Kept/ }).waitFor();

  await compose('start gateway');
  await heading(other, 'Ada Lovelace').waitFor();
  await page.locator('[data-feed=live]').waitFor();
  await page.getByRole('alert').waitFor({ state: 'detached' });
  expect(faults).toEqual([]);
  await context.close();
});

test('an order that nobody takes is not placed, and the form keeps it', async () => {
  const { context, page } = await openTab(browser, stack);
  await signIn(page, await register(stack));
  await page.goto('/orders/new');
  await fillIn(page, {
    'What would you like to order?': 'Oil',
    Description: 'For the lamps',
    'Price in US dollars': '12,25',
  });
  await compose('stop orders-create');
  await until('nobody served orders.create', async () => (await workers(stack, 'orders.create')) === 0);
  await page.getByRole('button', { name: 'Place order' }).click();
  await page.getByRole('alert').getByText('This service has no workers at the moment').waitFor();
  await page.getByRole('alert').getByText('safe to send again').waitFor();
  await compose('start orders-create');
  await until('somebody served orders.create', async () => (await workers(stack, 'orders.create')) === 1);
  await page.getByRole('button', { name: 'Place order' }).click();
  await heading(page, 'Oil').waitFor();
  await page.getByText('$12.25').waitFor();
  await context.close();
});

test('a page without a network says so, and goes on when it is back', async () => {
  const { context, page } = await openTab(browser, stack);
  await signIn(page, await register(stack));
  await page.goto('/orders');
  await page.getByText('No orders yet').waitFor();
  // Pages are fetched ahead one by one; this is the last.
  await page.waitForFunction(() => performance.getEntriesByType('resource').some(({ name }) => /\/system-/.test(name)));
  await context.setOffline(true);
  await page.getByRole('link', { name: 'Profile' }).click();
  await page.getByText('This device is offline.').waitFor();
  await context.setOffline(false);
  await page.getByRole('button', { name: 'Try again now' }).click();
  await heading(page, 'Ada Lovelace').waitFor();
  await context.close();
});
