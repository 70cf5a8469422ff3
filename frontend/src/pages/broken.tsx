// Stands in for a page that broke, or whose files could not be loaded.
import { Key } from '../ui/key';
import { Page } from '../ui/page';
import { BrokenLine } from '../ui/trouble';

export function Broken() {
  return (
    <div className="mx-auto max-w-6xl px-4 py-10 sm:px-8">
      <Page title="This page failed" tab="Error">
        <BrokenLine />
        <p className="mt-6 mb-8 max-w-prose text-soft">
          It has a defect, or its files could not be loaded. Nothing that you sent before is affected.
        </p>
        <Key onPress={() => window.location.reload()}>Reload</Key>
      </Page>
    </div>
  );
}
