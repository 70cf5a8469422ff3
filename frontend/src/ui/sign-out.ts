// Signs out everywhere: at the gateway, in this tab and in all others.
import { useState } from 'react';
import { useNavigate } from 'react-router';
import { logout } from '../api/open';
import { currentSession, endSession } from '../api/session';

export function useSignOut() {
  const [busy, setBusy] = useState(false);
  const navigate = useNavigate();
  const signOut = async () => {
    const session = currentSession();
    if (busy || !session) return;
    setBusy(true);
    const told = await logout(session.refreshToken).then(
      () => true,
      () => false,
    );
    const notice = told ? SIGNED_OUT : NOT_TOLD;
    endSession(notice);
    setBusy(false);
    await navigate('/login', { state: { notice } });
  };
  return { signOut, busy };
}

const SIGNED_OUT = 'You are signed out, in every tab.';
const NOT_TOLD =
  'You are signed out in this browser. The gateway could not be reached: there the session stays valid until it expires.';
