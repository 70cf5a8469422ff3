// On a slow phone nothing moves that was there already.
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { layoutFlaws } from './layout';
import { drawn, heading, ORDERS, openBrowser, openTab, place, register, signIn } from './tools';

const stack = inject('stack');
let browser: Browser;

beforeAll(async () => {
  browser = await openBrowser();
});
afterAll(() => browser.close());

/** Each page with its heading, and what is drawn last of all. */
const PAGES = [
  ['/', 'Every request here becomes a message.', 'main h1'],
  ['/orders', 'Your orders', '[data-feed=live]'],
  ['/orders/new', 'New order', 'main form'],
  ['/profile', 'Ada Lovelace', 'section[aria-labelledby=sessions] li'],
  ['/system', 'System', '[data-pattern="orders.list"]'],
] as const;

test('on a slow phone the pages do not shift while they load', async () => {
  const account = await register(stack);
  const ids: string[] = [];
  for (const order of ORDERS) ids.push((await place(stack, account, order)).id);
  const { context, page } = await openTab(browser, stack, { viewport: { width: 360, height: 740 }, isMobile: true });
  await signIn(page, account);
  const line = await context.newCDPSession(page);
  await line.send('Network.enable');
  await line.send('Network.setCacheDisabled', { cacheDisabled: true });
  await line.send('Network.emulateNetworkConditions', {
    offline: false,
    latency: 150,
    downloadThroughput: 1_600_000 / 8,
    uploadThroughput: 750_000 / 8,
  });
  await page.addInitScript(watchShifts);
  const ordered = [`/orders/${ids.at(-1)}`, ORDERS.at(-1)?.title ?? '', '[data-step]'] as const;
  for (const [path, title, last] of [...PAGES, ordered]) {
    await page.goto(path);
    await heading(page, title).waitFor();
    await page.locator(last).first().waitFor();
    await page.locator('.animate-breathe').first().waitFor({ state: 'detached' });
    await page.evaluate(() => document.fonts.ready);
    if (path === '/system') await nextAnswer(page, path); // the figures change in place
    expect(await shifts(page), path).toEqual([]);
  }
  await context.close();
});

test('what is shown does not move when it can no longer be renewed, nor when it can again', async () => {
  const account = await register(stack);
  const { id } = await place(stack, account, { title: 'Kept' });
  const { context, page } = await openTab(browser, stack, { viewport: { width: 360, height: 740 }, isMobile: true });
  await signIn(page, account);
  await page.addInitScript(watchShifts);
  const alert = page.locator('[data-stale]');
  for (const [path, title, last] of [
    [`/orders/${id}`, 'Kept', '[data-step]'],
    ['/profile', 'Ada Lovelace', 'section[aria-labelledby=sessions] li'],
  ] as const) {
    await page.goto(path);
    await heading(page, title).waitFor();
    await page.locator(last).first().waitFor();
    await page.evaluate(() => document.fonts.ready);
    await page.route(isOfGateway, (route) => route.abort());
    await alert.getByText('The gateway cannot be reached').waitFor();
    await drawn(page);
    expect(await shifts(page), path).toEqual([]);
    expect(await layoutFlaws(page), path).toEqual([]);
    await page.evaluate(() => window.scrollTo(0, document.body.scrollHeight));
    await drawn(page);
    const bar = await alert.boundingBox();
    const footer = await page.locator('footer p').boundingBox();
    expect((footer?.y ?? 0) + (footer?.height ?? 0), 'the end of the page is above the bar').toBeLessThan(bar?.y ?? 0);
    await page.evaluate(() => window.scrollTo(0, 0));
    await page.unroute(isOfGateway);
    await alert.waitFor({ state: 'detached' });
    await drawn(page);
    expect(await shifts(page), path).toEqual([]);
  }
  await context.close();
});

const isOfGateway = ({ port }: URL) => port === stack.environment.PORT_GATEWAY;

/** Waits until what the gateway said next is drawn. */
async function nextAnswer(page: Page, path: string) {
  await (await page.waitForResponse((answer) => new URL(answer.url()).pathname === path)).finished();
  await drawn(page);
}

interface Shift extends PerformanceEntry {
  value: number;
  sources: { node: Node | null; previousRect: DOMRect; currentRect: DOMRect }[];
}

declare global {
  interface Window {
    takeShifts: () => string[];
  }
}

const shifts = (page: Page) => page.evaluate(() => window.takeShifts());

/** Runs in the page: remembers what moved by itself, from where to where. */
function watchShifts() {
  const seen: string[] = [];
  const take = (entries: PerformanceEntryList) => {
    for (const { value, sources } of entries as Shift[]) {
      if (value < 0.001) continue; // a figure that is a pixel wider
      const moved = sources.map(({ node, previousRect, currentRect }) => {
        const [from, to] = [previousRect, currentRect].map(({ x, y, width, height }) =>
          [x, y, width, height].join(' '),
        );
        return `“${node?.textContent?.slice(0, 60)}” from ${from} to ${to}`;
      });
      seen.push(`${value.toFixed(4)}: ${moved.join('; ')}`);
    }
  };
  const observer = new PerformanceObserver((list) => take(list.getEntries()));
  observer.observe({ type: 'layout-shift', buffered: true });
  window.takeShifts = () => {
    take(observer.takeRecords());
    return seen;
  };
}
