// Pages for those who are signed in; the others are taken to sign in, and back afterwards.
import { Navigate, Outlet, useLocation } from 'react-router';
import { useUserId } from '../api/session';

export function MembersOnly() {
  const userId = useUserId();
  const { pathname, search } = useLocation();
  if (userId) return <Outlet />;
  return <Navigate to="/login" replace state={{ from: pathname + search, notice: 'Sign in to see that page.' }} />;
}
