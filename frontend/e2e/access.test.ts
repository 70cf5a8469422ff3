// For those who use a keyboard, a screen reader, colours of their own, or paper.
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { flaws, heading, openBrowser, openTab, place, register, signIn } from './tools';

const stack = inject('stack');
let browser: Browser;

beforeAll(async () => {
  browser = await openBrowser();
});
afterAll(() => browser.close());

/** What has the focus: its name, and whether it can be seen whole. */
const focus = (page: Page) =>
  page.evaluate(() => {
    const element = document.activeElement as HTMLElement;
    const { top, bottom } = element.getBoundingClientRect();
    const header = document.querySelector('header') as HTMLElement;
    const covered = !header.contains(element) && top < header.getBoundingClientRect().bottom;
    return {
      name: element.tagName === 'BODY' ? 'nothing' : (element.textContent ?? ''),
      seen: !covered && top >= 0 && bottom <= innerHeight,
    };
  });

test('with the keyboard alone every order is reached and seen, and older ones are told of', async () => {
  const owner = await register(stack);
  for (let number = 1; number <= 23; number += 1) await place(stack, owner, { title: `Wheel ${number}` });
  const { context, page } = await openTab(browser, stack, { viewport: { width: 360, height: 740 } });
  await signIn(page, owner);
  await page.goto('/orders');
  await page.getByRole('link', { name: /Wheel 23\b/ }).waitFor();
  await page.getByRole('link', { name: /Wheel 4\b/ }).focus();
  await page.keyboard.press('Tab');
  expect(await focus(page)).toEqual({ name: 'Show older orders', seen: true });
  await page.keyboard.press('Enter');
  await page.getByRole('status').getByText('3 more orders, which is all.').waitFor({ state: 'attached' });
  await expect.poll(async () => (await focus(page)).name).toContain('Wheel 3');
  // All the way back: nothing that takes the focus is under the header.
  for (let step = 0; step < 24; step += 1) {
    const now = await focus(page);
    expect(now).toEqual({ ...now, seen: true });
    await page.keyboard.press('Shift+Tab');
  }
  await context.close();
});

test('the board is a table: one goes down a column', async () => {
  const { context, page } = await openTab(browser, stack);
  await signIn(page, await register(stack));
  await page.goto('/system');
  const table = page.getByRole('table', { name: 'Orders' });
  await table.waitFor();
  const row = table.getByRole('row').filter({ has: page.getByRole('rowheader', { name: 'orders.create' }) });
  await row.getByRole('cell', { name: '1 worker', exact: true }).waitFor();
  const columns = await table.getByRole('columnheader').allTextContents();
  expect(columns.slice(0, 4)).toEqual(['Pattern', 'Workers', 'waiting', 'per second']);
  expect(await row.getByRole('cell').count()).toBe(columns.length - 1);
  await context.close();
});

test('forced colours keep tracks, lamps and what is wrong in a form', async () => {
  const { context, page } = await openTab(browser, stack, { forcedColors: 'active', colorScheme: 'dark' });
  await signIn(page, await register(stack));
  await page.goto('/orders/new');
  await page.getByRole('button', { name: 'Place order' }).click();
  const border = (selector: string) =>
    page
      .locator(selector)
      .first()
      .evaluate((element) => getComputedStyle(element).borderTopStyle);
  await page.locator('[aria-invalid=true]').first().waitFor();
  expect([await border('[aria-invalid=true]'), await border('[name=orderReference]')]).toEqual(['dashed', 'solid']);
  await page.goto('/system');
  await page.locator('[data-pattern="orders.create"]').waitFor();
  const background = (selector: string) =>
    page
      .locator(selector)
      .first()
      .evaluate((element) => getComputedStyle(element).backgroundColor);
  const canvas = await page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor);
  expect(await background('header .track')).not.toBe(canvas);
  expect(await background('[data-pattern="orders.create"] .lamp')).not.toBe(canvas);
  expect(await flaws(page)).toEqual([]);
  await context.close();
});

test('on paper an order is an order', async () => {
  const owner = await register(stack);
  const order = await place(stack, owner, { title: 'Analytical engine' });
  const { context, page } = await openTab(browser, stack, { colorScheme: 'dark' });
  await signIn(page, owner);
  await page.goto(`/orders/${order.id}`);
  await heading(page, 'Analytical engine').waitFor();
  await page.emulateMedia({ media: 'print' });
  const seen = (text: string | RegExp) => page.locator('body').getByText(text).filter({ visible: true }).count();
  expect([await seen('Analytical engine'), await seen('$7.50')]).toEqual([1, 1]);
  expect(await seen(/Copy|Sign out|Signal box|All your orders/)).toBe(0);
  expect(await page.getByRole('button').count()).toBe(0);
  const [paper, ink] = await page.evaluate(() => {
    const style = getComputedStyle(document.documentElement);
    return [style.backgroundColor, style.colorScheme];
  });
  expect([paper, ink]).toEqual(['rgb(255, 255, 255)', 'light']);
  await context.close();
});
