// The whole way: from no account to an order that is seen in every tab, past the end of a token, to signing out.
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { expiry, fillIn, heading, openBrowser, openTab, place, somebody, tokenOf, until } from './tools';

const stack = inject('stack');
let browser: Browser;

beforeAll(async () => {
  browser = await openBrowser();
});
afterAll(() => browser.close());

test('from an account to an order, seen everywhere, and out again', async () => {
  const { context, page, faults } = await openTab(browser, stack);
  const person = somebody();

  // An address for members leads to signing in, and from there to an account.
  await page.goto('/orders');
  await heading(page, 'Sign in').waitFor();
  await page.getByRole('main').getByRole('link', { name: 'Create an account' }).click();
  await fillIn(page, {
    'First name': person.firstName,
    'Last name': person.lastName,
    'E-mail address': person.email,
    Password: person.password,
  });
  await page.getByRole('button', { name: 'Create account' }).click();

  // The list is empty, and says so.
  await heading(page, 'Your orders').waitFor();
  await page.getByText('No orders yet').waitFor();

  // The focus follows: a keyboard or a screen reader goes on where the page does.
  await page.getByRole('link', { name: 'New order' }).click();
  await heading(page, 'New order').waitFor();
  await expect.poll(() => page.evaluate(() => document.activeElement?.tagName)).toBe('H1');
  await page.keyboard.press('Tab');
  await page.keyboard.type('Analytical engine');
  await page.keyboard.press('Tab');
  await page.keyboard.type('One, with punched cards');
  await page.keyboard.press('Tab');
  await page.keyboard.type('1999.99');
  await page.keyboard.press('Tab');
  await page.keyboard.type('A-7');
  await page.keyboard.press('Enter');

  // The receipt.
  await heading(page, 'Analytical engine').waitFor();
  for (const text of ['$1,999.99', 'A-7', 'One, with punched cards'])
    await page.getByText(text, { exact: true }).waitFor();
  expect(await page.title()).toContain('Analytical engine');

  await page.getByRole('link', { name: 'Orders', exact: true }).click();
  await page.getByRole('link', { name: /Analytical engine/ }).waitFor();

  // The order service has heard whose order it is.
  await page.getByRole('link', { name: /Analytical engine/ }).click();
  await page.getByText(person.email).waitFor();

  // What happened to it is told, with times.
  const steps = page.getByRole('region', { name: 'What happened' }).getByRole('listitem');
  for (const step of ['Order recorded', 'order.created published', 'Applied by users.on_order_created'])
    await steps.filter({ hasText: step }).getByRole('time').waitFor();
  expect(await steps.first().getByRole('time').getAttribute('title')).toMatch(/20\d\d.*\d:\d\d:\d\d.*UTC/);
  await page.getByRole('link', { name: 'Orders', exact: true }).click();

  // What another program orders appears by itself, in this tab and in the other.
  const other = await context.newPage();
  const feeds: string[] = [];
  other.on('request', (request) => request.url().endsWith('/orders/events') && feeds.push(request.url()));
  await other.goto('/orders');
  for (const tab of [page, other]) await tab.locator('[data-feed=live]').waitFor();
  await other.getByRole('link', { name: /Analytical engine/ }).waitFor();
  await place(stack, person, { title: 'Punched cards' });
  for (const tab of [page, other]) await tab.getByRole('link', { name: /Punched cards/ }).waitFor();
  await page.getByRole('status').getByText('New order: Punched cards').waitFor({ state: 'attached' });
  expect(feeds, 'one tab reads the feed for all').toEqual([]);

  // The access token expires; nobody notices, and both tabs go on with the same new one.
  const old = await tokenOf(page);
  await until('the token had expired', async () => Date.now() / 1000 > expiry(old));
  await Promise.all([page.reload(), other.reload()]);
  for (const tab of [page, other]) await tab.getByRole('link', { name: /Punched cards/ }).waitFor();
  const renewed = await tokenOf(page);
  expect(renewed).not.toBe(old);
  expect(await tokenOf(other)).toBe(renewed);

  // The profile.
  await page.getByRole('link', { name: 'Profile' }).click();
  await heading(page, 'Ada Lovelace').waitFor();
  await page.getByText(person.email).waitFor();
  for (const text of ['2', '$2,007.49']) await page.getByText(text, { exact: true }).waitFor();

  // Out, in both tabs; and in again.
  const refreshToken = await page.evaluate(() => localStorage.getItem('refresh_token'));
  await page.getByRole('button', { name: 'Sign out', exact: true }).click();
  await page.getByText('You are signed out, in every tab.').waitFor();
  await heading(other, 'Sign in').waitFor();
  expect(await page.evaluate(() => [...Object.keys(localStorage)])).toEqual([]);
  const answer = await context.request.post(`http://localhost:${stack.environment.PORT_GATEWAY}/users/refresh`, {
    data: { refreshToken },
  });
  expect(answer.status(), 'the session has ended at the gateway, too').toBe(401);
  await fillIn(page, { 'E-mail address': person.email, Password: person.password });
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('link', { name: /Punched cards/ }).waitFor();
  await heading(other, 'Your orders').waitFor();

  expect(faults).toEqual([]);
  await context.close();
});
