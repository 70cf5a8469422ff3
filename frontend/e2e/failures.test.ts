// A failure is seen where the eye is, says what it means, and offers what can be done about it.
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { fillIn, heading, openBrowser, openTab, place, register, signIn, until } from './tools';

const stack = inject('stack');
let browser: Browser;

beforeAll(async () => {
  browser = await openBrowser();
});
afterAll(() => browser.close());

const PHONE = { viewport: { width: 360, height: 740 } };
const ORDER = {
  'What would you like to order?': 'Brass wheels',
  Description: 'Forty teeth',
  'Price in US dollars': '640',
};
const send = (page: Page) => page.getByRole('button', { name: 'Place order' }).click();

/** Answers the next requests to place an order with a problem. */
async function refuse(page: Page, status: number, code: string, headers: Record<string, string> = {}) {
  await page.unrouteAll({ behavior: 'wait' });
  await page.route('**/orders', (route) => {
    if (route.request().method() !== 'POST') return route.continue();
    const body = { code, message: 'It is said.', requestId: '0190a000-0000-7000-8000-00000000000f' };
    return route.fulfill({
      status,
      json: body,
      headers: { 'Access-Control-Allow-Origin': '*', 'Access-Control-Expose-Headers': 'Retry-After', ...headers },
    });
  });
}

/** Whether a whole element is on the screen and not under the header. */
async function inView(page: Page, selector: string) {
  return page
    .locator(selector)
    .first()
    .evaluate((element) => {
      const { top, bottom } = element.getBoundingClientRect();
      const header = document.querySelector('header')?.getBoundingClientRect().bottom ?? 0;
      return top >= header && bottom <= window.innerHeight;
    });
}

test('on a phone every failure comes into view, with its request and when to come back', async () => {
  const { context, page } = await openTab(browser, stack, PHONE);
  await signIn(page, await register(stack));
  await page.goto('/orders/new');
  await fillIn(page, ORDER);
  await refuse(page, 500, 'internal');
  await send(page);
  const alert = page.getByRole('alert');
  await alert.getByText('Something went wrong on our side').waitFor();
  await alert.getByText('0190a000-0000-7000-8000-00000000000f').waitFor();
  await until('the alert was in view', () => inView(page, '[role=alert]'));
  expect(await inView(page, 'button[type=submit]'), 'the button is beside it').toBe(true);

  await refuse(page, 503, 'overloaded', { 'Retry-After': '290' });
  await send(page);
  await alert.getByText('in 4 min 50 s').waitFor();
  await until('the alert was in view', () => inView(page, '[role=alert]'));

  // A field at fault is in view, although the header covers the top.
  await page.unrouteAll();
  await fillIn(page, { 'What would you like to order?': ' ' });
  await send(page);
  await page.locator('[aria-invalid=true]').waitFor();
  await until('the field was in view', () => inView(page, '[aria-invalid=true]'));
  await context.close();
});

test('an attempt whose answer was lost and that was then changed: both ways out lead to an order', async () => {
  const { context, page } = await openTab(browser, stack, PHONE);
  await signIn(page, await register(stack));
  for (const way of ['Open the order that was placed', 'Place this as a new order']) {
    await page.goto('/orders/new');
    await fillIn(page, ORDER);
    await page.route('**/orders', async (route) => {
      if (route.request().method() !== 'POST') return route.continue();
      await route.fetch();
      return route.abort();
    });
    await send(page);
    await page.getByRole('alert').getByText('The gateway cannot be reached').waitFor();
    await page.unrouteAll({ behavior: 'wait' });
    await fillIn(page, { 'What would you like to order?': 'Steel wheels' });
    await send(page);
    await page.getByRole('button', { name: way }).click();
    await heading(page, way.startsWith('Open') ? 'Brass wheels' : 'Steel wheels').waitFor();
  }
  await context.close();
});

test('a taken address is said at its field, and goes along to signing in', async () => {
  const { email, password } = await register(stack);
  const { context, page } = await openTab(browser, stack, PHONE);
  await page.goto('/register');
  await fillIn(page, { 'First name': 'Ada', 'Last name': 'Byron', 'E-mail address': email, Password: password });
  await page.getByRole('button', { name: 'Create account' }).click();
  await page.getByText('An account with this address already exists').waitFor();
  expect(await page.getByLabel('E-mail address').getAttribute('aria-invalid')).toBe('true');
  await until('the field was in view', () => inView(page, '[aria-invalid=true]'));
  await page.getByRole('link', { name: 'Sign in with this address' }).click();
  await heading(page, 'Sign in').waitFor();
  expect(await page.getByLabel('E-mail address').inputValue()).toBe(email);
  await page.getByLabel('Password').fill(password);
  await page.getByRole('button', { name: 'Show password' }).click();
  expect(await page.getByLabel('Password').getAttribute('type')).toBe('text');
  await page.getByRole('button', { name: 'Sign in', exact: true }).click();
  await heading(page, 'Your orders').waitFor();
  await context.close();
});

test('after a session has ended one is back where one was, with what one wrote', async () => {
  const account = await register(stack);
  const order = await place(stack, account, { title: 'Mill' });
  const { context, page } = await openTab(browser, stack);
  await signIn(page, account);
  const end = () =>
    page.evaluate(() => {
      localStorage.setItem('access_token', 'x.y.z');
      localStorage.setItem('refresh_token', 'nonsense');
    });
  const again = async () => {
    await page.getByText('Your session has ended. Sign in to continue.').waitFor();
    await fillIn(page, { 'E-mail address': account.email, Password: account.password });
    await page.getByRole('button', { name: 'Sign in', exact: true }).click();
  };
  await page.goto(`/orders/${order.id}?from=mail#details`);
  await heading(page, 'Mill').waitFor();
  await end();
  await page.reload();
  await again();
  await heading(page, 'Mill').waitFor();
  expect(new URL(page.url()).hash).toBe('#details');
  expect(new URL(page.url()).search).toBe('?from=mail');

  await page.goto('/orders/new');
  await fillIn(page, ORDER);
  await end();
  await send(page);
  await again();
  await heading(page, 'New order').waitFor();
  expect(await page.getByLabel('What would you like to order?').inputValue()).toBe('Brass wheels');
  await send(page);
  await heading(page, 'Brass wheels').waitFor();
  await context.close();
});

test('what was filled in is not thrown away without asking', async () => {
  const { context, page } = await openTab(browser, stack);
  await signIn(page, await register(stack));
  await page.goto('/orders');
  await page.getByRole('link', { name: 'New order' }).click();
  await fillIn(page, ORDER);
  const asked: string[] = [];
  let leave = false;
  page.on('dialog', (dialog) => {
    asked.push(dialog.message());
    return leave ? dialog.accept() : dialog.dismiss();
  });
  await page.getByRole('link', { name: 'Back to your orders' }).click();
  await until('it asked', async () => asked.length === 1);
  await heading(page, 'New order').waitFor();
  leave = true;
  await page.getByRole('link', { name: 'Back to your orders' }).click();
  await heading(page, 'Your orders').waitFor();
  expect(asked).toHaveLength(2);
  await context.close();
});
