// What stands on every page: the header with its track, and the footer.
import { type ReactNode, Suspense } from 'react';
import { Header } from './header';

export function Layout({ gateway, children }: { gateway: string; children: ReactNode }) {
  return (
    <>
      <a
        href="#main"
        className="sr-only bg-ink px-4 py-2 text-board focus:not-sr-only focus:absolute focus:top-2 focus:left-2 focus:z-10"
      >
        Skip to content
      </a>
      <div className="flex min-h-dvh flex-col">
        <Header />
        <main
          id="main"
          tabIndex={-1}
          className="mx-auto w-full max-w-6xl min-h-dvh flex-1 px-4 pt-8 pb-20 outline-none sm:px-8 sm:pt-14"
        >
          <Suspense>{children}</Suspense>
        </main>
        <footer className="border-seam border-t">
          <p className="mx-auto max-w-6xl px-4 py-5 text-sm text-soft sm:px-8">
            Connected to the gateway at <span>{gateway}</span>. Everything behind it communicates by message.
          </p>
        </footer>
      </div>
    </>
  );
}
