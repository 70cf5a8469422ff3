// Words for what the tests do: with the system, with the browser, with somebody who has an account.
import { execFile } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import axe from 'axe-core';
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import { expect } from 'vitest';

export const REPOSITORY = fileURLToPath(new URL('../..', import.meta.url));
/** Screenshots and logs of the last run. */
export const OUTPUT = fileURLToPath(new URL('output', import.meta.url));

export interface Stack {
  environment: Record<string, string>;
  logs: string;
}

const gatewayOf = ({ environment }: Stack) => `http://localhost:${environment.PORT_GATEWAY}`;
const pageOf = ({ environment }: Stack) => `http://localhost:${environment.PORT_FRONTEND}`;

/** Runs a line in the environment that the development shell gives. */
export async function shell({ environment }: Stack, line: string): Promise<string> {
  const run = promisify(execFile)('bash', ['-c', `. scripts/env && ${line}`], { cwd: REPOSITORY, env: environment });
  return (await run).stdout;
}

/** How long a fact is waited for, in milliseconds: longer than it takes on the busiest machine. */
const PATIENCE = 30_000;

/** Waits for a fact. */
export async function until(what: string, fact: () => Promise<unknown>, ms = PATIENCE): Promise<void> {
  const end = Date.now() + ms;
  while (!(await fact())) {
    if (Date.now() > end) throw new Error(`Within ${ms} ms it did not come true that ${what}.`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** How many processes serve a pattern, as the gateway counts them. */
export async function workers({ environment }: Stack, pattern: string): Promise<number> {
  const answer = await fetch(`http://127.0.0.1:${environment.PORT_GATEWAY_ADMIN}/readyz`).catch(() => null);
  return (await answer?.json())?.patterns[pattern] ?? -1;
}

// ---- the browser

export async function openBrowser(): Promise<Browser> {
  return chromium.launch({
    executablePath: findChromium(),
    // Chromium's sandbox refuses to work for root, who runs the tests in many containers.
    args: ['--disable-dev-shm-usage', ...(process.getuid?.() === 0 ? ['--no-sandbox'] : [])],
  });
}

function findChromium(): string {
  const names = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];
  const places = (process.env.PATH ?? '').split(delimiter).flatMap((place) => names.map((name) => join(place, name)));
  const found = [process.env.CHROMIUM ?? '', ...places].find((file) => file && isExecutable(file));
  if (found) return found;
  throw new Error('No Chromium on the PATH: install it (Debian: apt-get install chromium), or name it in CHROMIUM.');
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** A browser's tab with storage of its own, and a list of what must not happen in it. */
export async function openTab(browser: Browser, stack: Stack, options: BrowserContextOptions = {}) {
  const context = await browser.newContext({ baseURL: pageOf(stack), locale: 'en-US', timezoneId: 'UTC', ...options });
  context.setDefaultTimeout(PATIENCE);
  const faults: string[] = [];
  context.on('weberror', (error) => faults.push(String(error.error())));
  context.on('console', (message) => {
    if (/Content.Security.Policy|Trusted ?Type|Warning:/i.test(message.text())) faults.push(message.text());
  });
  return { context, page: await context.newPage(), faults };
}

/** What axe finds wrong with the page. It comes by the debugger, past the page's policy. */
export async function flaws(page: Page): Promise<string[]> {
  await page.evaluate(axe.source);
  const { violations } = await page.evaluate(() => (window as unknown as { axe: typeof axe }).axe.run());
  return violations.flatMap(({ id, nodes }) =>
    nodes.map(({ html, failureSummary }) => `${id}: ${html}\n${failureSummary}`),
  );
}

// ---- somebody

export interface Person {
  email: string;
  password: string;
  firstName: string;
  lastName: string;
}

let count = 0;

export function somebody(): Person {
  count += 1;
  const email = `ada.${Date.now()}.${process.pid}.${count}@example.org`;
  return { email, password: 'correct horse battery', firstName: 'Ada', lastName: 'Lovelace' };
}

export interface Account extends Person {
  id: string;
  tokens: { access_token: string; refresh_token: string };
}

/** Opens an account without the page. */
export async function register(stack: Stack, names: Partial<Person> = {}): Promise<Account> {
  const person = { ...somebody(), ...names };
  const { tokens, user } = await post(stack, '/users/register', person);
  tokensOf.set(person.email, tokens.access_token);
  return { ...person, id: user.id, tokens };
}

/** Places an order without the page, as curl would. */
export async function place(stack: Stack, who: Person, order: object) {
  return post(
    stack,
    '/orders',
    { description: 'By another program', price: 7.5, ...order },
    await tokenFor(stack, who),
  );
}

const tokensOf = new Map<string, string>();

/** An access token that holds for a while: they expire within seconds here, and a busy machine takes longer. */
async function tokenFor(stack: Stack, { email, password }: Person): Promise<string> {
  const known = tokensOf.get(email);
  if (known && expiry(known) > Date.now() / 1000 + 8) return known;
  const { tokens } = await post(stack, '/users/login', { email, password });
  tokensOf.set(email, tokens.access_token);
  return tokens.access_token;
}

/** When an access token expires, in seconds since 1970. */
export function expiry(token: string): number {
  return JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()).exp;
}

async function post(stack: Stack, path: string, body: object, token?: string) {
  const headers = { 'Content-Type': 'application/json', ...(token ? { Authorization: `Bearer ${token}` } : {}) };
  const answer = await fetch(gatewayOf(stack) + path, { method: 'POST', headers, body: JSON.stringify(body) });
  expect(answer.status, await answer.clone().text()).toBeLessThan(300);
  return answer.json();
}

/** Orders as somebody might place them, the last one first in the list. */
export const ORDERS = [
  { title: 'Lamp oil', description: 'For the long nights', price: 12.25, orderReference: null },
  { title: 'Punched cards, 5000', description: 'Stiff, from the mill at Lyon', price: 84.5, orderReference: null },
  {
    title: 'Brass gear wheels',
    description: 'Two hundred, forty teeth each, as in drawing 12',
    price: 640,
    orderReference: 'WS-1842',
  },
  {
    title: 'Analytical engine',
    description: 'One, with punched cards and the mill, to be delivered in parts',
    price: 1999.99,
    orderReference: 'A-7',
  },
];

/** Orders that no line can hold: the longest words of several scripts, and the largest amount. */
export const HOSTILE = [
  ['W'.repeat(100), `https://example.org/${'x'.repeat(400)}?${'y'.repeat(500)}`, 'R'.repeat(100)],
  ['طلب'.repeat(33), 'وصف طويل جدا '.repeat(60), 'مرجع'.repeat(25)],
  ['שלום '.repeat(19).trim(), 'תיאור'.repeat(150), 'A-7'],
  ['鉄道信号機'.repeat(20), '説明'.repeat(400), '参照番号'.repeat(20)],
  ['🚂'.repeat(100), '👩‍🔧🏳️‍🌈'.repeat(60), '🔧'.repeat(100)],
  [
    'A title of many short words that goes on and on until the hundred characters are used up, you see',
    ' x\n'.repeat(200),
    '',
  ],
].map(([title = '', description = '', orderReference]) => ({
  title,
  description,
  price: 1_000_000,
  ...(orderReference ? { orderReference } : {}),
}));

/** The access token that the page uses at the moment. */
export const tokenOf = (page: Page) => page.evaluate(() => localStorage.getItem('access_token') ?? '');

/** Signs somebody in, in all tabs of the context, without the form. */
export async function signIn(page: Page, { tokens, id }: Account) {
  await page.goto('/robots.txt');
  await page.evaluate(
    ([access, refresh, user]) => {
      localStorage.setItem('access_token', access ?? '');
      localStorage.setItem('refresh_token', refresh ?? '');
      localStorage.setItem('user_id', user ?? '');
    },
    [tokens.access_token, tokens.refresh_token, id],
  );
}

export async function fillIn(page: Page, fields: Record<string, string>) {
  for (const [label, value] of Object.entries(fields)) await page.getByLabel(label).fill(value);
}

/** Waits until what has changed, the window's size too, is laid out and drawn. */
export const drawn = (page: Page) =>
  page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));

export const heading = (page: Page, name: string) => page.getByRole('heading', { level: 1, name });
