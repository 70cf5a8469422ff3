// The table of pages: address, and the file that shows it. Those that not everybody needs come after the first.
import type { ComponentType } from 'react';
import { createBrowserRouter } from 'react-router';
import { Broken } from './pages/broken';
import { Home } from './pages/home';
import { NotFound } from './pages/not-found';
import { Frame } from './ui/frame';
import { MembersOnly } from './ui/members-only';

type Load = () => Promise<ComponentType>;

const later = {
  register: async () => (await import('./pages/register')).Register,
  login: async () => (await import('./pages/login')).Login,
  orders: async () => (await import('./pages/orders')).Orders,
  newOrder: async () => (await import('./pages/new-order')).NewOrder,
  order: async () => (await import('./pages/order')).OrderDetail,
  profile: async () => (await import('./pages/profile')).ProfilePage,
  system: async () => (await import('./pages/system')).System,
} satisfies Record<string, Load>;

const page = (path: string, load: Load) => ({ path, lazy: async () => ({ Component: await load() }) });

export const router = createBrowserRouter([
  {
    element: <Frame />,
    errorElement: <Broken />,
    hydrateFallbackElement: <></>,
    children: [
      {
        errorElement: <Broken />,
        children: [
          { index: true, element: <Home /> },
          page('register', later.register),
          page('login', later.login),
          page('system', later.system),
          {
            element: <MembersOnly />,
            children: [
              page('orders', later.orders),
              page('orders/new', later.newOrder),
              page('orders/:id', later.order),
              page('profile', later.profile),
            ],
          },
          { path: '*', element: <NotFound /> },
        ],
      },
    ],
  },
]);

// Once the first page stands, the others are fetched too, one by one, whenever there is nothing else to do: they are small,
// and are there when the network is not.
const whenIdle = window.requestIdleCallback ?? ((then: () => void) => setTimeout(then, 200));
const fetchNext = ([next, ...rest]: Load[]) =>
  whenIdle(() =>
    next?.().then(
      () => fetchNext(rest),
      () => fetchNext(rest),
    ),
  );
window.addEventListener('load', () => fetchNext(Object.values(later)));
