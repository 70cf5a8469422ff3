// What one may not see, what is not there, and how the list goes on.
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { fillIn, heading, openBrowser, openTab, place, register, signIn } from './tools';

const stack = inject('stack');
let browser: Browser;

beforeAll(async () => {
  browser = await openBrowser();
});
afterAll(() => browser.close());

test('another person’s order is not shown, and an order that is none is said to be none', async () => {
  const owner = await register(stack);
  const order = await place(stack, owner, { title: 'Secret engine' });
  const { context, page, faults } = await openTab(browser, stack);
  await signIn(page, await register(stack));
  await page.goto(`/orders/${order.id}`);
  await heading(page, 'This order belongs to someone else').waitFor();
  expect(await page.content()).not.toContain('Secret engine');
  for (const id of ['0190a000-0000-7000-8000-000000000000', 'nonsense']) {
    await page.goto(`/orders/${id}`);
    await heading(page, 'Order not found').waitFor();
  }
  await page.goto('/no/such/page');
  await heading(page, 'Page not found').waitFor();
  expect(faults).toEqual([]);
  await context.close();
});

test('one comes back to the page one asked for, and the next person does not', async () => {
  const owner = await register(stack);
  const order = await place(stack, owner, { title: 'Mill' });
  const { context, page } = await openTab(browser, stack);
  await page.goto(`/orders/${order.id}`);
  await page.getByText('Sign in to see that page.').waitFor();
  await fillIn(page, { 'E-mail address': owner.email, Password: owner.password });
  await page.getByRole('button', { name: 'Sign in' }).click();
  await heading(page, 'Mill').waitFor();
  await page.getByRole('button', { name: 'Sign out', exact: true }).click();
  await page.getByText('You are signed out').waitFor();
  const next = await register(stack);
  await fillIn(page, { 'E-mail address': next.email, Password: next.password });
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByText('No orders yet').waitFor();
  await context.close();
});

test('the list goes on where the page ends', async () => {
  const owner = await register(stack);
  for (let number = 1; number <= 23; number += 1) {
    await place(stack, owner, { title: `Wheel ${number}` });
  }
  const { context, page } = await openTab(browser, stack);
  await signIn(page, owner);
  await page.goto('/orders');
  const rows = page.getByRole('main').getByRole('listitem');
  await page.getByRole('link', { name: /Wheel 23\b/ }).waitFor();
  expect(await rows.count()).toBe(20);
  await page.getByRole('button', { name: 'Show older orders' }).click();
  await page.getByRole('link', { name: /Wheel 1\b/ }).waitFor();
  expect(await rows.count()).toBe(23);
  expect(await page.getByRole('button', { name: 'Show older orders' }).count()).toBe(0);
  await context.close();
});
