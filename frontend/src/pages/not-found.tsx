// An address at which there is nothing.
import { KeyLink } from '../ui/key';
import { Page } from '../ui/page';
import { BrokenLine } from '../ui/trouble';

export function NotFound() {
  return (
    <Page title="Page not found">
      <BrokenLine />
      <p className="mt-6 mb-8 max-w-prose text-soft">There is no page at this address.</p>
      <KeyLink to="/" plain>
        Go to the start page
      </KeyLink>
    </Page>
  );
}
