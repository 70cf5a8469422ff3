// Every page at every width and in both themes, with whatever people write: it fits, and axe finds nothing; screenshots.
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { layoutFlaws } from './layout';
import {
  drawn,
  fillIn,
  flaws,
  HOSTILE,
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

beforeAll(async () => {
  browser = await openBrowser();
});
afterAll(() => browser.close());

const OPEN: [name: string, path: string, title: string][] = [
  ['home', '/', 'Every request here becomes a message.'],
  ['register', '/register', 'Create an account'],
  ['login', '/login', 'Sign in'],
  ['not-found', '/no/such/page', 'Page not found'],
];
const GUARDED: typeof OPEN = [
  ['orders', '/orders', 'Your orders'],
  ['new-order', '/orders/new', 'New order'],
  ['order', '/orders/:id', 'Analytical engine'],
  ['no-order', '/orders/nonsense', 'Order not found'],
  ['profile', '/profile', 'Ada Lovelace'],
  ['system', '/system', 'System'],
];

const WIDTHS = [320, 360, 768, 1280, 1920];
/** Where axe looks, and the screenshots are taken. */
const CLOSELY = [360, 1280];

/** Looks at the page that is open, at every width and in both themes; says what is wrong. */
async function look(page: Page, name: string, closely = CLOSELY): Promise<string[]> {
  const wrong: string[] = [];
  for (const colorScheme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
    for (const width of WIDTHS) {
      await page.setViewportSize({ width, height: width < 500 ? 740 : 900 });
      await drawn(page);
      const say = (flaw: string) => wrong.push(`${name} at ${width} px, ${colorScheme}: ${flaw}`);
      for (const flaw of await layoutFlaws(page)) say(flaw);
      if (!closely.includes(width)) continue;
      await page.screenshot({ path: join(OUTPUT, `${name}-${width}-${colorScheme}.png`), fullPage: true });
      for (const flaw of await flaws(page)) say(flaw);
    }
  }
  return wrong;
}

async function visit(page: Page, [name, path, title]: (typeof OPEN)[number], orderId = '') {
  await page.goto(path.replace(':id', orderId));
  await heading(page, title).waitFor();
  await settled(page);
  return look(page, name);
}

test('every page fits every width, in both themes, and axe finds nothing', async () => {
  const { context, page, faults } = await openTab(browser, stack);
  const wrong: string[] = [];
  for (const one of OPEN) wrong.push(...(await visit(page, one)));
  const account = await register(stack);
  let last = '';
  for (const order of ORDERS) last = (await place(stack, account, order)).id;
  await signIn(page, account);
  for (const one of GUARDED) wrong.push(...(await visit(page, one, last)));
  await context.close();
  expect(wrong).toEqual([]);
  expect(faults).toEqual([]);
});

test('whatever people write fits, too: long words, other scripts, the largest amounts', async () => {
  const person = { firstName: 'W'.repeat(50), lastName: 'محمد'.repeat(12) };
  const writer = await register(stack, person);
  const ids: string[] = [];
  const wrong: string[] = [];
  for (const order of HOSTILE) ids.push((await place(stack, writer, order)).id);
  const { context, page, faults } = await openTab(browser, stack);
  await signIn(page, writer);
  await page.goto('/orders');
  await page
    .getByRole('main')
    .getByRole('listitem')
    .nth(HOSTILE.length - 1)
    .waitFor();
  await settled(page);
  wrong.push(...(await look(page, 'hostile-orders')));
  for (const [index, id] of ids.entries()) {
    await page.goto(`/orders/${id}`);
    await heading(page, HOSTILE[index]?.title ?? '').waitFor();
    await settled(page);
    wrong.push(...(await look(page, `hostile-order-${index + 1}`, [])));
  }
  await page.goto('/profile');
  await page.getByText(new RegExp(`^\\$${HOSTILE.length},000,000.00$`)).waitFor();
  wrong.push(...(await look(page, 'hostile-profile')));
  await page.goto('/orders/new');
  await fillIn(page, {
    'What would you like to order?': 'W'.repeat(101),
    'Price in US dollars': '1,000,000',
    Description: ' ',
  });
  await page.getByRole('button', { name: 'Place order' }).click();
  await page.locator('[aria-invalid=true]').first().waitFor();
  wrong.push(...(await look(page, 'hostile-form')));
  expect(wrong).toEqual([]);
  expect(faults).toEqual([]);
  await context.close();
});

test('a form full of mistakes and a page in trouble have nothing for axe to find either', async () => {
  const { context, page } = await openTab(browser, stack, { reducedMotion: 'reduce' });
  await signIn(page, await register(stack));
  await page.goto('/orders/new');
  await page.getByRole('button', { name: 'Place order' }).click();
  await page.locator('[aria-invalid=true]').first().waitFor();
  expect(await flaws(page)).toEqual([]);
  await page.route('**/users/profile', (route) => route.abort());
  await page.goto('/profile');
  await page.getByRole('alert').waitFor();
  expect(await flaws(page)).toEqual([]);
  await context.close();
});

test('a page whose files cannot be loaded says so, and is there when they can', async () => {
  const { context, page } = await openTab(browser, stack, { reducedMotion: 'reduce' });
  const file = '**/assets/login*';
  await page.route(file, (route) => route.abort());
  await page.goto('/login');
  await heading(page, 'This page failed').waitFor();
  expect(await flaws(page)).toEqual([]);
  await page.unroute(file);
  await page.getByRole('button', { name: 'Reload' }).click();
  await heading(page, 'Sign in').waitFor();
  await context.close();
});

test('every page is seen before its script comes, by those alone whose page it is', async () => {
  const { context, page, faults } = await openTab(browser, stack, { viewport: { width: 360, height: 740 } });
  await page.route('**/assets/*.js', (route) => route.abort());
  await page.goto('/');
  await heading(page, 'Every request here becomes a message.').waitFor();
  expect(await layoutFlaws(page)).toEqual([]);
  expect(await flaws(page)).toEqual([]);
  expect(await page.getByRole('button', { name: 'Theme' }).isDisabled()).toBe(true);
  const [start, newcomers] = [page.locator('[data-start]'), page.getByRole('link', { name: 'Create an account' })];
  expect(await newcomers.first().isVisible()).toBe(true);
  for (const path of ['/login', '/register', '/system']) {
    await page.goto(path);
    await page.locator('h1').waitFor();
    expect(await layoutFlaws(page), path).toEqual([]);
    expect(await flaws(page), path).toEqual([]);
  }
  await page.goto('/orders');
  await start.waitFor({ state: 'hidden' });

  await signIn(page, await register(stack));
  for (const path of ['/', '/system']) {
    await page.goto(path);
    await page.locator('h1').waitFor();
    expect(await newcomers.first().isVisible(), path).toBe(false);
  }
  for (const path of ['/orders', '/orders/new', '/orders/0190a000', '/profile']) {
    await page.goto(path);
    await page.locator('h1').waitFor();
    expect(await page.getByRole('button', { name: 'Sign out' }).isDisabled(), path).toBe(true);
    expect(await layoutFlaws(page), path).toEqual([]);
    expect(await flaws(page), path).toEqual([]);
  }
  await page.goto('/login');
  await start.waitFor({ state: 'hidden' });
  expect(faults).toEqual([]);
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
