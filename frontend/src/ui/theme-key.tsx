// Switches between the system's theme, light and dark.
import { type Theme, useTheme } from '../lib/theme';

const WORDS: Record<Theme, string> = { system: 'Auto', light: 'Light', dark: 'Dark' };

export function ThemeKey() {
  const [theme, next] = useTheme();
  return (
    <button type="button" onClick={next} className="flex items-center gap-2 py-3 text-soft leading-none hover:text-ink">
      <svg viewBox="0 0 16 16" className="size-4" aria-hidden="true">
        <circle cx="8" cy="8" r="6.5" fill="none" stroke="currentColor" strokeWidth="2" />
        {theme !== 'light' && (
          <path
            d={theme === 'dark' ? 'M8 1.5a6.5 6.5 0 0 0 0 13 6.5 6.5 0 0 0 0-13' : 'M8 1.5a6.5 6.5 0 0 1 0 13z'}
            fill="currentColor"
          />
        )}
      </svg>
      <span className="sr-only">Theme: </span>
      <span className="max-sm:sr-only">{WORDS[theme]}</span>
    </button>
  );
}
