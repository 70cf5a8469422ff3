// The header: where you are is a stop on its track, and a message on the track is a request under way.
import { useIsFetching, useIsMutating } from '@tanstack/react-query';
import { Link, NavLink, useNavigation } from 'react-router';
import { useUserId } from '../api/session';
import { useSignOut } from './sign-out';
import { ThemeKey } from './theme-key';

export function Header() {
  const userId = useUserId();
  return (
    <header className="z-5 bg-board [@media(min-height:30rem)]:sticky [@media(min-height:30rem)]:top-0">
      <div className="mx-auto flex max-w-6xl flex-wrap items-center gap-x-6 px-4 sm:flex-nowrap sm:px-8">
        <Link to="/" className="flex items-center gap-2.5 py-3.5 font-plate font-semibold text-xl leading-none">
          <Mark />
          Signal box
        </Link>
        <nav
          aria-label="Pages"
          data-stranger={userId ? undefined : ''}
          className="order-last flex w-full flex-wrap gap-x-5 sm:order-none sm:w-auto sm:gap-7"
        >
          {userId ? (
            <>
              <Stop to="/orders">Orders</Stop>
              <Stop to="/system">System</Stop>
              <Stop to="/profile">Profile</Stop>
            </>
          ) : (
            <>
              <Stop to="/system">System</Stop>
              <Stop to="/login">Sign in</Stop>
              <Stop to="/register">Create an account</Stop>
            </>
          )}
        </nav>
        <div className="ml-auto flex items-center gap-5">
          <ThemeKey />
          {userId && <SignOut />}
        </div>
      </div>
      <Track />
    </header>
  );
}

function Stop({ to, children }: { to: string; children: string }) {
  return (
    <NavLink
      to={to}
      className="group relative whitespace-nowrap py-3.5 text-soft leading-none hover:text-ink aria-[current=page]:text-ink sm:py-5"
    >
      {children}
      <span className="lamp -bottom-2 -translate-x-1/2 absolute left-1/2 z-1 hidden size-4! border-3! bg-amber group-aria-[current=page]:block" />
    </NavLink>
  );
}

function Track() {
  const loading = useNavigation().state !== 'idle';
  const busy = useIsFetching({ predicate: ({ meta }) => !meta?.quiet }) + useIsMutating() > 0 || loading;
  return (
    <div className="track @container relative overflow-x-clip">
      {busy && (
        <span className="-top-[3px] absolute left-0 h-[9px] w-7 animate-travel rounded-full bg-amber ring-2 ring-ink" />
      )}
    </div>
  );
}

function SignOut() {
  const { signOut, busy } = useSignOut();
  return (
    <button type="button" onClick={signOut} disabled={busy} className="py-3 text-soft leading-none hover:text-ink">
      {busy ? 'Signing out…' : 'Sign out'}
    </button>
  );
}

function Mark() {
  return (
    <svg viewBox="0 0 32 20" className="h-5 w-8" aria-hidden="true">
      <path d="M0 10h32" className="stroke-ink" strokeWidth="3" />
      <circle cx="16" cy="10" r="6.5" className="fill-amber stroke-ink" strokeWidth="3" />
    </svg>
  );
}
