// Facts in a list of terms, below a piece of track.
import type { ReactNode } from 'react';

/** One fact. Stands in a `dl`. */
export function Entry({ term, children }: { term: string; children: ReactNode }) {
  return (
    <div className="border-seam border-b py-3.5">
      <dt className="font-medium font-plate text-soft">{term}</dt>
      <dd>{children}</dd>
    </div>
  );
}

/** A piece of track with a stop, above a list. */
export function Rule() {
  return (
    <div aria-hidden="true" className="mt-10 mb-1 flex max-w-3xl items-center">
      <span className="lamp size-[19px]! border-3! bg-amber" />
      <span className="track flex-1" />
    </div>
  );
}
