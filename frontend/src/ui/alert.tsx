// Says that something did not work, and what that means.
import { type ReactNode, useEffect, useRef } from 'react';

/** Comes into view by itself: on a phone the rest of the page is often elsewhere. */
export function Alert({ title, children }: { title: string; children?: ReactNode }) {
  const box = useRef<HTMLDivElement>(null);
  useEffect(() => {
    // After the focus has gone to a field at fault, which matters more and scrolls too.
    const later = requestAnimationFrame(() => {
      if (document.activeElement?.getAttribute('aria-invalid') !== 'true')
        box.current?.scrollIntoView({ block: 'nearest' });
    });
    return () => cancelAnimationFrame(later);
  }, []);
  return (
    <div ref={box} role="alert" className="scroll-mb-6 rounded-key border-2 border-stop bg-plate px-5 py-4">
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
