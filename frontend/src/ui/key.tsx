// The keys of the panel: what one presses, and what leads elsewhere.
import type { ReactNode } from 'react';
import { Link } from 'react-router';

const KEY =
  'screen-only inline-flex items-center justify-center gap-2.5 rounded-key border-2 border-ink px-5 py-2.5 font-plate font-semibold text-lg leading-tight transition-[translate,box-shadow] duration-75 active:translate-y-0.5 active:shadow-none';
const AMBER = 'bg-amber text-night shadow-[0_2px_0_var(--color-ink)]';
const PLAIN = 'bg-plate text-ink shadow-[0_2px_0_var(--color-ink)] hover:bg-board';

const style = (plain?: boolean) => `${KEY} ${plain ? PLAIN : AMBER}`;

interface KeyLinkProps {
  to: string;
  state?: unknown;
  plain?: boolean;
  children: ReactNode;
}

export function KeyLink({ to, state, plain, children }: KeyLinkProps) {
  return (
    <Link to={to} state={state} className={style(plain)}>
      {children}
    </Link>
  );
}

/** Sends something. While busy it stays in place and in focus, and does nothing. */
export function Send({ busy, children, busyWord }: { busy: boolean; children: string; busyWord: string }) {
  return (
    <button type="submit" aria-disabled={busy} className={`${style()} min-w-40 aria-disabled:opacity-80`}>
      {busy && <span className="lamp animate-breathe border-night! bg-night" aria-hidden="true" />}
      {busy ? busyWord : children}
    </button>
  );
}

export function Key({
  onPress,
  children,
  plain = true,
}: {
  onPress: () => void;
  children: ReactNode;
  plain?: boolean;
}) {
  return (
    <button type="button" onClick={onPress} className={style(plain)}>
      {children}
    </button>
  );
}
