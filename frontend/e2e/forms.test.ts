// What is wrong is said at the field; and what is sent twice is done once.
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { fillIn, heading, openBrowser, openTab, register, signIn, somebody, tokenOf } from './tools';

const stack = inject('stack');
let browser: Browser;

beforeAll(async () => {
  browser = await openBrowser();
});
afterAll(() => browser.close());

const ORDER = {
  'What would you like to order?': 'Brass wheels',
  Description: 'Forty teeth each',
  'Price in US dollars': '640',
};

/** The label and the words of each field that is marked as wrong. */
const marked = (page: Page) =>
  page.locator('[aria-invalid=true]').evaluateAll((fields) =>
    (fields as HTMLInputElement[]).map((field) => {
      const ids = field.getAttribute('aria-describedby')?.split(' ') ?? [];
      return `${field.labels?.[0]?.firstChild?.textContent}: ${document.getElementById(ids.at(-1) ?? '')?.textContent}`;
    }),
  );

const focused = (page: Page) =>
  page.evaluate(() => (document.activeElement as HTMLInputElement).labels?.[0]?.firstChild?.textContent);

test('nothing is sent that cannot be right, and the first mistake has the focus', async () => {
  const { context, page, faults } = await openTab(browser, stack);
  const sent: string[] = [];
  page.on('request', (request) => request.method() === 'POST' && sent.push(request.url()));
  await page.goto('/register');
  await fillIn(page, { 'First name': 'Ada', 'Last name': '7', 'E-mail address': 'nobody', Password: 'short' });
  await page.getByRole('button', { name: 'Create account' }).click();
  await page.getByText('Enter an e-mail address').waitFor();
  expect(await marked(page)).toEqual([
    expect.stringMatching(/^Last name: Use \d to 50 characters: letters, .*, at least one letter\.$/),
    'E-mail address: Enter an e-mail address, such as ada@example.org.',
    'Password: Use 8 to 128 characters of any kind.',
  ]);
  await expect.poll(() => focused(page)).toBe('Last name');
  expect([sent, faults]).toEqual([[], []]);
  await context.close();
});

test('what the server refuses is said at its field', async () => {
  const { context, page } = await openTab(browser, stack);
  await page.goto('/register');
  const { email } = somebody();
  // This system asks for twelve characters; the page does not know.
  await fillIn(page, { 'First name': 'Ada', 'Last name': 'Lovelace', 'E-mail address': email, Password: 'nine char' });
  await page.getByRole('button', { name: 'Create account' }).click();
  await page.getByRole('alert').waitFor();
  expect(await marked(page)).toEqual([expect.stringMatching(/^Password: .*12/)]);
  await expect.poll(() => focused(page)).toBe('Password');
  await context.close();
});

test('a wrong password is said in words', async () => {
  const { email } = await register(stack);
  const { context, page } = await openTab(browser, stack);
  await page.goto('/login');
  await fillIn(page, { 'E-mail address': email, Password: 'wrong horse battery' });
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('alert').getByText('Wrong e-mail address or password').waitFor();
  await context.close();
});

test('pressing twice sends once', async () => {
  const { context, page } = await openTab(browser, stack);
  await signIn(page, await register(stack));
  await page.goto('/orders/new');
  await fillIn(page, ORDER);
  let sent = 0;
  let go = () => {};
  const gate = new Promise<void>((resolve) => {
    go = resolve;
  });
  await page.route('**/orders', async (route) => {
    if (route.request().method() === 'POST') {
      sent += 1;
      await gate;
    }
    await route.continue();
  });
  await page.getByRole('button', { name: 'Place order' }).dblclick();
  await page.getByRole('button', { name: 'Placing…' }).waitFor();
  await page.getByLabel('Price in US dollars').press('Enter');
  await page.getByRole('button', { name: 'Placing…' }).click({ force: true });
  go();
  await heading(page, 'Brass wheels').waitFor();
  expect(sent).toBe(1);
  await context.close();
});

test('an answer that got lost is asked for again, and the order is one', async () => {
  const { context, page } = await openTab(browser, stack);
  await signIn(page, await register(stack));
  await page.goto('/orders/new');
  await fillIn(page, ORDER);
  // The request arrives, its answer does not.
  const keys: (string | undefined)[] = [];
  await page.route('**/orders', async (route) => {
    if (route.request().method() !== 'POST') return route.continue();
    keys.push(route.request().headers()['idempotency-key']);
    const answer = await route.fetch();
    return keys.length === 1 ? route.abort() : route.fulfill({ response: answer });
  });
  await page.getByRole('button', { name: 'Place order' }).click();
  await page.getByRole('alert').getByText('The gateway cannot be reached').waitFor();
  await page.getByRole('button', { name: 'Place order' }).click();
  await heading(page, 'Brass wheels').waitFor();
  expect(keys).toEqual([expect.stringMatching(/^[0-9a-f]{32}$/), keys[0]]);
  const list = await fetch(`http://localhost:${stack.environment.PORT_GATEWAY}/orders`, {
    headers: { Authorization: `Bearer ${await tokenOf(page)}` },
  });
  expect(await list.json()).toHaveLength(1);
  await context.close();
});
