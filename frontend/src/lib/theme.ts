// Light, dark, or what the system says. public/theme.js applies the choice, also before the first paint.
import { useSyncExternalStore } from 'react';

export type Theme = 'system' | 'light' | 'dark';
const ORDER: readonly Theme[] = ['system', 'light', 'dark'];
const listeners = new Set<() => void>();

function read(): Theme {
  const chosen = localStorage.getItem('theme');
  return chosen === 'light' || chosen === 'dark' ? chosen : 'system';
}

function apply() {
  window.dispatchEvent(new Event('theme')); // public/theme.js does it
  for (const listener of listeners) listener();
}

function subscribe(listener: () => void) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** The theme, and how to go to the next one. */
export function useTheme(): [Theme, () => void] {
  const theme = useSyncExternalStore(subscribe, read, (): Theme => 'system');
  const next = ORDER[(ORDER.indexOf(theme) + 1) % ORDER.length] ?? 'system';
  const choose = () => {
    localStorage.setItem('theme', next);
    apply();
  };
  return [theme, choose];
}

if (typeof window !== 'undefined') window.addEventListener('storage', ({ key }) => key === 'theme' && apply());
