// The outline of what is about to be there. Shown only after a moment, so that what is quick does not flicker.
import type { ReactNode } from 'react';

export function Loading({ what, children }: { what: string; children: ReactNode }) {
  return (
    <div className="animate-appear">
      <p role="status" className="sr-only">
        Loading {what}
      </p>
      <div aria-hidden="true" className="animate-breathe">
        {children}
      </div>
    </div>
  );
}

/** A line of text to come; `width` in percent. */
export function Bar({ width }: { width: number }) {
  return <div className="my-2 h-3.5 rounded-key bg-seam" style={{ width: `${width}%` }} />;
}
