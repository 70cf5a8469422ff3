// Every page at two widths and in both themes: nothing for axe to find, nothing wider than the screen; screenshots.
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import {
  type Account,
  expectNoSideways,
  flaws,
  heading,
  ORDERS,
  OUTPUT,
  openBrowser,
  openTab,
  place,
  register,
  signIn,
} from './tools';

const stack = inject('stack');
let browser: Browser;
let account: Account;
let orderId: string;

beforeAll(async () => {
  browser = await openBrowser();
  account = await register(stack);
  for (const order of ORDERS) orderId = (await place(stack, account.tokens.access_token, order)).id;
});
afterAll(() => browser.close());

const OPEN: [name: string, path: string, title: string][] = [
  ['home', '/', 'Every request here becomes a message.'],
  ['register', '/register', 'Open an account'],
  ['login', '/login', 'Sign in'],
  ['not-found', '/no/such/page', 'The line ends here'],
];
const GUARDED: typeof OPEN = [
  ['orders', '/orders', 'Your orders'],
  ['new-order', '/orders/new', 'New order'],
  ['order', '/orders/:id', 'Analytical engine'],
  ['no-order', '/orders/nonsense', 'There is no such order'],
  ['profile', '/profile', 'Ada Lovelace'],
  ['system', '/system', 'The system, now'],
];

describe.each([
  ['wide', { width: 1280, height: 800 }],
  ['narrow', { width: 360, height: 740 }],
] as const)('%s', (size, viewport) => {
  test.each(['light', 'dark'] as const)('and %s', { timeout: 60_000 }, async (colorScheme) => {
    const { context, page, faults } = await openTab(browser, stack, { viewport, colorScheme, reducedMotion: 'reduce' });
    const look = async ([name, path, title]: (typeof OPEN)[number]) => {
      await page.goto(path.replace(':id', orderId));
      await heading(page, title).waitFor();
      await settled(page);
      await page.screenshot({ path: join(OUTPUT, `${name}-${size}-${colorScheme}.png`), fullPage: true });
      expect(await flaws(page), name).toEqual([]);
      await expectNoSideways(page);
    };
    for (const one of OPEN) await look(one);
    await signIn(page, account);
    // Its tokens may have been replaced by the round before: what the page has now is what goes on.
    for (const one of GUARDED) await look(one);
    account.tokens = await tokens(page);
    expect(faults).toEqual([]);
    await context.close();
  });
});

test('a form full of mistakes and a page in trouble have nothing for axe to find either', async () => {
  const { context, page } = await openTab(browser, stack, { reducedMotion: 'reduce' });
  await signIn(page, account);
  await page.goto('/orders/new');
  await page.getByRole('button', { name: 'Place order' }).click();
  await page.locator('[aria-invalid=true]').first().waitFor();
  expect(await flaws(page)).toEqual([]);
  await page.route('**/users/profile', (route) => route.abort());
  await page.goto('/profile');
  await page.getByRole('alert').waitFor();
  expect(await flaws(page)).toEqual([]);
  account.tokens = await tokens(page);
  await context.close();
});

test('a page whose files cannot be loaded says so, and is there when they can', async () => {
  const { context, page } = await openTab(browser, stack, { reducedMotion: 'reduce' });
  const file = '**/assets/login*';
  await page.route(file, (route) => route.abort());
  await page.goto('/login');
  await heading(page, 'This page broke').waitFor();
  expect(await flaws(page)).toEqual([]);
  await page.unroute(file);
  await page.getByRole('button', { name: 'Load it again' }).click();
  await heading(page, 'Sign in').waitFor();
  await context.close();
});

test('the chosen theme holds, in every tab and after loading again', async () => {
  const { context, page } = await openTab(browser, stack, { colorScheme: 'light' });
  await page.goto('/');
  const dark = () => page.evaluate(() => getComputedStyle(document.documentElement).colorScheme === 'dark');
  const key = page.getByRole('button', { name: 'Theme' });
  await key.click();
  await key.click();
  expect([await dark(), await key.textContent()]).toEqual([true, 'Theme: Dark']);
  await page.reload();
  expect(await dark()).toBe(true);
  await context.close();
});

/** Fonts are there and nothing is loading any more. */
async function settled(page: Page) {
  await page.evaluate(() => document.fonts.ready);
  await page.locator('.animate-breathe').first().waitFor({ state: 'detached' });
}

async function tokens(page: Page): Promise<Account['tokens']> {
  return page.evaluate(() => ({
    access_token: localStorage.getItem('access_token') ?? '',
    refresh_token: localStorage.getItem('refresh_token') ?? '',
  }));
}
