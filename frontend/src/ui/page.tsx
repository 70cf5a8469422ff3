// A page's heading. It names the tab, and takes the focus when one comes from another page.
import { type ReactNode, useEffect, useRef } from 'react';
import { useLocation, useNavigationType } from 'react-router';

let shown = '';

export function Page({
  title,
  tab = title,
  aside,
  children,
}: {
  title: string;
  tab?: string;
  aside?: ReactNode;
  children: ReactNode;
}) {
  return (
    <>
      <div className="mb-8 flex flex-wrap items-end justify-between gap-x-8 gap-y-4 sm:mb-10">
        <Title tab={tab} dir="auto">
          {title}
        </Title>
        {aside}
      </div>
      {children}
    </>
  );
}

export function Title({
  tab,
  children,
  className = 'text-4xl sm:text-5xl',
  dir,
}: {
  tab: string;
  children: ReactNode;
  className?: string;
  dir?: 'auto';
}) {
  const heading = useRef<HTMLHeadingElement>(null);
  const { pathname } = useLocation();
  const cameFirst = useNavigationType() === 'POP' && shown === '';
  useEffect(() => {
    // Not on the first page, where the browser's own beginning is right; and not again on the same page.
    if (!cameFirst && shown !== pathname) heading.current?.focus({ preventScroll: true });
    shown = pathname;
  }, [pathname, cameFirst]);
  return (
    <>
      <title>{`${tab} · Signal box`}</title>
      <h1 ref={heading} tabIndex={-1} dir={dir} className={`min-w-0 ${className}`}>
        {children}
      </h1>
    </>
  );
}
