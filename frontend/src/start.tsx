// The first sight of each page as HTML, made by the page's server: it is seen before its script has come, which then draws
// the page anew.
import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import type { ComponentType } from 'react';
import { renderToStaticMarkup } from 'react-dom/server';
import { createStaticHandler, createStaticRouter, Outlet, StaticRouterProvider } from 'react-router';
import { SessionOnServer } from './api/session';
import { Home } from './pages/home';
import { Login } from './pages/login';
import { NewOrder } from './pages/new-order';
import { OrderDetail } from './pages/order';
import { Orders } from './pages/orders';
import { ProfilePage } from './pages/profile';
import { Register } from './pages/register';
import { System } from './pages/system';
import { Layout } from './ui/layout';

/** Who sees a page. Others are taken elsewhere by the script, and see nothing before. */
type For = 'all' | 'stranger' | 'member';

export interface Start {
  html: string;
  /** The file of src that draws the page: its script is fetched early. */
  source: string;
}

const PAGES: [path: string, page: ComponentType, who: For, source: string][] = [
  ['/', Home, 'all', 'src/main.tsx'],
  ['/login', Login, 'stranger', 'src/pages/login.tsx'],
  ['/register', Register, 'stranger', 'src/pages/register.tsx'],
  ['/system', System, 'all', 'src/pages/system.tsx'],
  ['/orders', Orders, 'member', 'src/pages/orders.tsx'],
  ['/orders/new', NewOrder, 'member', 'src/pages/new-order.tsx'],
  ['/orders/:id', OrderDetail, 'member', 'src/pages/order.tsx'],
  ['/profile', ProfilePage, 'member', 'src/pages/profile.tsx'],
];

/** What stands in the page's root, for each path. */
export async function startPages(gateway: string): Promise<Map<string, Start>> {
  const starts = PAGES.map(async ([path, Page, who, source]) => {
    const html = await rendered(path, Page, who === 'member' ? 'somebody' : null, gateway);
    return [path, { html: `<div data-start="${who}">${html}</div>`, source }] as const;
  });
  return new Map(await Promise.all(starts));
}

async function rendered(path: string, Page: ComponentType, userId: string | null, gateway: string): Promise<string> {
  const frame = (
    <Layout gateway={gateway}>
      <Outlet />
    </Layout>
  );
  const { query, dataRoutes } = createStaticHandler([{ element: frame, children: [{ path, element: <Page /> }] }]);
  const context = await query(new Request(`http://page${path.replace(':id', 'id')}`));
  if (context instanceof Response) throw new Error(`${path} leads elsewhere`);
  const html = renderToStaticMarkup(
    <SessionOnServer value={userId}>
      <QueryClientProvider client={new QueryClient()}>
        <StaticRouterProvider router={createStaticRouter(dataRoutes, context)} context={context} hydrate={false} />
      </QueryClientProvider>
    </SessionOnServer>,
  );
  // The title stands in the head already. The content security policy knows no style attributes: what these move waits for
  // the script, and so does what can be pressed or filled in.
  return html
    .replace(/<title>[^<]*<\/title>/, '')
    .replaceAll(/ style="[^"]*"/g, '')
    .replaceAll(/<(button|input|textarea|select) /g, '<$1 disabled ');
}
