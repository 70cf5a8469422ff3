// What can be changed about an account, and where it is signed in, as seen from two browsers.
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { type Account, fillIn, flaws, heading, openBrowser, openTab, place, register, shell, signIn } from './tools';

const stack = inject('stack');
let browser: Browser;

beforeAll(async () => {
  browser = await openBrowser();
});
afterAll(() => browser.close());

/** Signs in by the form, which begins a session of its own. */
async function signInAgain(page: Page, { email, password }: Pick<Account, 'email' | 'password'>) {
  await page.goto('/login');
  await fillIn(page, { 'E-mail address': email, Password: password });
  await page.getByRole('button', { name: 'Sign in', exact: true }).click();
  await page.getByRole('button', { name: 'Sign out', exact: true }).waitFor();
}

const ENDED = 'Your session has ended. Sign in to continue.';

test('a new name is seen on old orders, also on one that is open already', async () => {
  const account = await register(stack);
  const order = await place(stack, account, { title: 'Mill' });
  const { context, page, faults } = await openTab(browser, stack);
  await signIn(page, account);
  await page.goto(`/orders/${order.id}`);
  await page.getByText('Ada Lovelace').waitFor();
  await page.getByRole('link', { name: 'Profile' }).click();
  await page.getByText('Change your name').click();
  // The order service hears of it late.
  await shell(stack, 'process-compose process stop orders-on-user-updated');
  await fillIn(page, { 'Last name': 'King' });
  await page.getByRole('button', { name: 'Save name' }).click();
  await page.getByText('Your name is changed.').waitFor();
  await heading(page, 'Ada King').waitFor();
  await page.goto(`/orders/${order.id}`);
  await page.getByText('Ada Lovelace').waitFor();
  await shell(stack, 'process-compose process start orders-on-user-updated');
  await page.getByText('Ada King').waitFor();
  expect(faults).toEqual([]);
  await context.close();
});

test('a new password ends the other sessions, and this one goes on', async () => {
  const account = await register(stack);
  const here = await openTab(browser, stack);
  const there = await openTab(browser, stack);
  await signIn(here.page, account);
  await signInAgain(there.page, account);
  await here.page.goto('/profile');
  await here.page.getByText('Another session').waitFor();
  await here.page.getByText('Change your password').click();
  expect(await flaws(here.page)).toEqual([]);

  const change = async (currentPassword: string, newPassword: string) => {
    await here.page.getByLabel('Current password', { exact: true }).fill(currentPassword);
    await here.page.getByLabel('New password', { exact: true }).fill(newPassword);
    await here.page.getByRole('button', { name: 'Change password' }).click();
  };
  await change('wrong horse battery', 'staple correct horse');
  await here.page.locator('[name=currentPassword][aria-invalid=true]').waitFor();
  await change(account.password, 'staple correct horse');
  await here.page.getByText('Your password is changed.').waitFor();
  await here.page.getByText('Another session').waitFor({ state: 'detached' });

  // There, the access token holds until it expires, which here is soon.
  await there.page.getByText(ENDED).waitFor();
  await signInAgain(there.page, { email: account.email, password: 'staple correct horse' });
  await here.page.reload();
  await heading(here.page, 'Ada Lovelace').waitFor();
  await Promise.all([here.context.close(), there.context.close()]);
});

test('a session is ended from another browser, and so are all', async () => {
  const account = await register(stack);
  const here = await openTab(browser, stack);
  const there = await openTab(browser, stack);
  await signIn(here.page, account);
  await signInAgain(there.page, account);
  await there.page.goto('/profile');
  await here.page.goto('/profile');
  await here.page.getByRole('button', { name: /^Sign out the session started/ }).click();
  await here.page.getByText('Another session').waitFor({ state: 'detached' });
  await there.page.getByText(ENDED).waitFor();
  await signInAgain(there.page, account);
  await here.page.getByRole('button', { name: 'Sign out everywhere' }).click();
  await here.page.getByText('You are signed out everywhere.').waitFor();
  await there.page.goto('/profile');
  await there.page.getByText(ENDED).waitFor();
  await Promise.all([here.context.close(), there.context.close()]);
});
