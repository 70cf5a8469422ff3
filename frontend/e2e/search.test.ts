// A list of orders is searched, narrowed and sorted; what is chosen stands in the address.
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { layoutFlaws } from './layout';
import { flaws, ORDERS, openBrowser, openTab, place, register, signIn } from './tools';

const stack = inject('stack');
let browser: Browser;

beforeAll(async () => {
  browser = await openBrowser();
});
afterAll(() => browser.close());

test('orders are searched, narrowed, sorted and counted', async () => {
  const owner = await register(stack);
  for (const order of ORDERS) await place(stack, owner, order);
  const { context, page, faults } = await openTab(browser, stack, { viewport: { width: 360, height: 740 } });
  await signIn(page, owner);
  await page.goto('/orders');
  await page.getByText('4 orders', { exact: true }).waitFor();
  const titles = () => page.getByRole('main').getByRole('listitem').locator('bdi:first-child').allTextContents();

  await page.getByLabel('Sort').selectOption('Highest price');
  await page.getByRole('main').getByRole('listitem').first().getByText('Analytical engine').waitFor();
  expect(await titles()).toEqual(['Analytical engine', 'Brass gear wheels', 'Punched cards, 5000', 'Lamp oil']);

  await page.getByLabel('Search').fill('CARDS');
  await page.getByLabel('Search').press('Enter');
  await page.getByText('2 orders', { exact: true }).waitFor();
  expect(await titles()).toEqual(['Analytical engine', 'Punched cards, 5000']);
  expect(await page.evaluate(() => document.activeElement?.getAttribute('name')), 'the focus stays').toBe('q');

  await page.getByText('Date and price').click();
  await page.getByLabel('Highest price', { exact: true }).last().fill('1,000');
  await page.getByRole('button', { name: 'Apply' }).click();
  await page.getByText('1 order', { exact: true }).waitFor();
  expect(new URL(page.url()).search).toBe('?q=CARDS&sort=price_desc&max=1%2C000');
  expect(await layoutFlaws(page)).toEqual([]);
  expect(await flaws(page)).toEqual([]);

  // What somebody else places meanwhile is found, too; and the address says it all.
  await place(stack, owner, { title: 'More cards' });
  await page.getByText('2 orders', { exact: true }).waitFor();
  await page.goBack();
  await page.getByText('3 orders', { exact: true }).waitFor();
  await page.goForward();
  await page.reload();
  await page.getByText('2 orders', { exact: true }).waitFor();
  await page.getByLabel('Search').fill('nothing of the kind');
  await page.getByLabel('Search').press('Enter');
  await page.getByText('No orders match.').waitFor();
  await page.getByRole('button', { name: 'Clear filters' }).click();
  await page.getByText('5 orders', { exact: true }).waitFor();
  expect(faults).toEqual([]);
  await context.close();
});
