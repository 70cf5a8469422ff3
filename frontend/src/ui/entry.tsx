// Facts in a list of terms, below a piece of track.
import type { ReactNode } from 'react';

/** One fact. Stands in a `dl`. `lines`: how many it keeps room for, where it may come later. */
export function Entry({ term, lines = 1, children }: { term: string; lines?: 1 | 2; children: ReactNode }) {
  return (
    <div className="border-seam border-b py-3.5">
      <dt className="font-medium font-plate text-soft">{term}</dt>
      <dd className={lines === 2 ? 'min-h-[2lh]' : ''}>{children}</dd>
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
