// The table of pages: address, and the file that shows it. Each is loaded when it is first needed.
import { createBrowserRouter } from 'react-router';
import { Broken } from './pages/broken';
import { Home } from './pages/home';
import { NotFound } from './pages/not-found';
import { Frame } from './ui/frame';
import { MembersOnly } from './ui/members-only';

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
          { path: 'register', lazy: async () => ({ Component: (await import('./pages/register')).Register }) },
          { path: 'login', lazy: async () => ({ Component: (await import('./pages/login')).Login }) },
          {
            element: <MembersOnly />,
            children: [
              { path: 'orders', lazy: async () => ({ Component: (await import('./pages/orders')).Orders }) },
              { path: 'orders/new', lazy: async () => ({ Component: (await import('./pages/new-order')).NewOrder }) },
              { path: 'orders/:id', lazy: async () => ({ Component: (await import('./pages/order')).OrderDetail }) },
              { path: 'profile', lazy: async () => ({ Component: (await import('./pages/profile')).ProfilePage }) },
              { path: 'system', lazy: async () => ({ Component: (await import('./pages/system')).System }) },
            ],
          },
          { path: '*', element: <NotFound /> },
        ],
      },
    ],
  },
]);
