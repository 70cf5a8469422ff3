// The page at /docs, as a newcomer uses it: an account is opened there, and the first call with a lock answers.
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { openBrowser, openTab, register, somebody } from './tools';

const stack = inject('stack');
const DOCS = `http://localhost:${stack.environment.PORT_GATEWAY}/docs`;
let browser: Browser;

beforeAll(async () => {
  browser = await openBrowser();
});
afterAll(() => browser.close());

/** The part of the page about one route. */
const route = (page: Page, name: string) => page.locator(`#operations-users-${name}`);

/** Presses Execute; the status and the text of what was answered. */
async function execute(page: Page, name: string): Promise<{ status: string | null; body: string }> {
  await route(page, name).getByRole('button', { name: 'Execute' }).click();
  const answer = route(page, name).locator('.live-responses-table .response');
  const status = await answer.locator('.response-col_status').textContent();
  return { status, body: (await answer.locator('.response-col_description').textContent()) ?? '' };
}

/** Opens the page, with the profile's part open in it. */
async function open(page: Page) {
  await page.goto(DOCS);
  await route(page, 'getUsersProfile').getByRole('button').first().click();
}

test('who opens an account on the page is signed in for what they try next', async () => {
  const { context, page, faults } = await openTab(browser, stack);
  await open(page);
  // As the page says at its top.
  await page.getByRole('link', { name: 'POST /users/register' }).click();
  const person = somebody();
  await route(page, 'postUsersRegister').getByRole('textbox').fill(JSON.stringify(person));
  const opened = await execute(page, 'postUsersRegister');
  expect(opened.status, opened.body).toBe('201');
  const { status, body } = await execute(page, 'getUsersProfile');
  expect(status, body).toBe('200');
  expect(body).toContain(person.email);
  expect(faults).toEqual([]);
  await context.close();
});

test('a token from elsewhere is one to authorise with', async () => {
  const { context, page, faults } = await openTab(browser, stack);
  await open(page);
  expect((await execute(page, 'getUsersProfile')).status).toBe('401');
  await page.getByRole('button', { name: 'Authorize', exact: true }).click();
  const form = page.locator('.dialog-ux .modal-ux');
  const account = await register(stack);
  await form.getByRole('textbox').fill(account.tokens.access_token);
  await form.getByRole('button', { name: 'Apply credentials' }).click();
  await form.getByRole('button', { name: 'Close' }).first().click();
  const { status, body } = await execute(page, 'getUsersProfile');
  expect(status, body).toBe('200');
  expect(body).toContain(account.email);
  expect(faults).toEqual([]);
  await context.close();
});
