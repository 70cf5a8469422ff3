// Pages for those who are signed in; the others are taken to sign in, and back afterwards.
import { useEffect, useRef } from 'react';
import { Navigate, Outlet, useLocation } from 'react-router';
import { farewell, useUserId } from '../api/session';
import type { Arrival } from './arrival';

export function MembersOnly() {
  const userId = useUserId();
  const { pathname, search, hash } = useLocation();
  const before = useRef(userId);
  useEffect(() => {
    before.current = userId ?? before.current;
  }, [userId]);
  if (userId) return <Outlet />;
  return <Navigate to="/login" replace state={arrival(pathname + search + hash, before.current)} />;
}

function arrival(from: string, of: string | null): Arrival {
  const leave = farewell();
  if (leave) return { notice: leave };
  // Whose page it was goes along: nobody else is taken there.
  return of
    ? { from, of, notice: 'Your session has ended. Sign in to continue.' }
    : { from, notice: 'Sign in to see that page.' };
}
