// An address at which there is nothing.
import { KeyLink } from '../ui/key';
import { Page } from '../ui/page';
import { BrokenLine } from '../ui/trouble';

export function NotFound() {
  return (
    <Page title="The line ends here">
      <BrokenLine />
      <p className="mt-6 mb-8 max-w-prose text-soft">There is no page at this address.</p>
      <KeyLink to="/" plain>
        To the start
      </KeyLink>
    </Page>
  );
}
