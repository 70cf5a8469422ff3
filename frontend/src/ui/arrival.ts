// How somebody came to sign in: from which page, and with what to be said.
import { useLocation } from 'react-router';
import { useUserId } from '../api/session';

export interface Arrival {
  from?: string;
  /** The id of the only user who is taken back there; anybody, if it is absent. */
  of?: string;
  notice?: string;
  /** An address that was filled in already. */
  email?: string;
}

export function useArrival() {
  const state = (useLocation().state ?? {}) as Arrival;
  const userId = useUserId();
  const mayReturn = state.from && (!state.of || state.of === userId);
  return {
    to: mayReturn && state.from ? state.from : '/orders',
    notice: state.notice,
    email: typeof state.email === 'string' ? state.email : '',
    state,
  };
}
