// How somebody came to sign in: from where, and with what to be said.
import { useLocation } from 'react-router';

interface Arrival {
  from?: string;
  notice?: string;
}

export function useArrival() {
  const state = (useLocation().state ?? {}) as Arrival;
  return { to: state.from ?? '/orders', notice: state.notice, state };
}
