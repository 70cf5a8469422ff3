// Stands in for a page that broke, or whose files could not be loaded.
import { Key } from '../ui/key';
import { Page } from '../ui/page';
import { BrokenLine } from '../ui/trouble';

export function Broken() {
  return (
    <div className="mx-auto max-w-6xl px-4 py-10 sm:px-8">
      <Page title="This page broke" tab="Error">
        <BrokenLine />
        <p className="mt-6 mb-8 max-w-prose text-soft">
          That is our mistake, or the page’s files could not be loaded. What you sent before is not affected: look at
          your orders.
        </p>
        <Key onPress={() => window.location.reload()}>Load it again</Key>
      </Page>
    </div>
  );
}
