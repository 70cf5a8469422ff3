// Figures that are never broken in two: an amount keeps its line, whatever its length.
import type { ReactNode } from 'react';
import { formatMoney } from '../lib/format';

export function Amount({ value, className = '' }: { value: number; className?: string }) {
  return <span className={`whitespace-nowrap tabular-nums ${className}`}>{formatMoney(value)}</span>;
}

/** A large figure with its name. It shrinks to fit its column. Stands in a `dl`. */
export function Figure({ term, children }: { term: ReactNode; children: string }) {
  return (
    <div className="@container flex min-w-0 flex-col-reverse border-seam border-b py-4">
      <dt className="text-soft">{term}</dt>
      <dd
        className="flex min-h-[4.375rem] items-end whitespace-nowrap font-plate font-semibold leading-tight tabular-nums"
        style={{ fontSize: `min(3.5rem, ${Math.floor(180 / children.length)}cqw)` }}
      >
        {children}
      </dd>
    </div>
  );
}
