// Says that something did not work, and what that means: red, so with a broken line at its side.
import type { ReactNode } from 'react';

export function Alert({ title, children }: { title: string; children?: ReactNode }) {
  return (
    <div role="alert" className="rounded-key border-2 border-stop bg-plate px-5 py-4">
      <p className="font-semibold">{title}</p>
      {children && <div className="mt-1 text-soft">{children}</div>}
    </div>
  );
}

/** Says something that is no trouble. */
export function Notice({ children }: { children: ReactNode }) {
  return (
    <p role="status" className="rounded-key border-2 border-edge bg-plate px-5 py-4">
      {children}
    </p>
  );
}
