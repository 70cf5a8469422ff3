// What is around every page: its layout, the feed of new orders, and the place to which one has scrolled.
import { Outlet, ScrollRestoration } from 'react-router';
import { gateway } from '../api/send';
import { FeedProvider } from './feed';
import { Layout } from './layout';

export function Frame() {
  return (
    <FeedProvider>
      <Layout gateway={gateway}>
        <Outlet />
      </Layout>
      <ScrollRestoration />
    </FeedProvider>
  );
}
