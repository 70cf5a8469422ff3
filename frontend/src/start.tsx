// The start page as HTML, made by the page's server: it is seen before its script has come. The script then draws it anew.
import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { renderToStaticMarkup } from 'react-dom/server';
import { createStaticHandler, createStaticRouter, Outlet, StaticRouterProvider } from 'react-router';
import { Home } from './pages/home';
import { Layout } from './ui/layout';

/** What stands in the page's root, for somebody who is not signed in. */
export async function startPage(gateway: string): Promise<string> {
  const frame = (
    <Layout gateway={gateway}>
      <Outlet />
    </Layout>
  );
  const { query, dataRoutes } = createStaticHandler([
    { element: frame, children: [{ index: true, element: <Home /> }] },
  ]);
  const context = await query(new Request('http://page/'));
  if (context instanceof Response) throw new Error('the start page leads elsewhere');
  const html = renderToStaticMarkup(
    <QueryClientProvider client={new QueryClient()}>
      <StaticRouterProvider router={createStaticRouter(dataRoutes, context)} context={context} hydrate={false} />
    </QueryClientProvider>,
  );
  // The title stands in the head already. The content security policy knows no style attributes: what these move waits for
  // the script, and so does what can be pressed.
  return html
    .replace(/<title>[^<]*<\/title>/, '')
    .replaceAll(/ style="[^"]*"/g, '')
    .replaceAll('<button ', '<button disabled ');
}
