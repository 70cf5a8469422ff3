// Amounts, dates and durations as the viewer writes them.

const money = new Intl.NumberFormat(undefined, { style: 'currency', currency: 'USD' });
const full = new Intl.DateTimeFormat(undefined, { dateStyle: 'full', timeStyle: 'long' });
const moment = new Intl.DateTimeFormat(undefined, { dateStyle: 'long', timeStyle: 'long' });
const SHORT = { day: 'numeric', month: 'short', hour: 'numeric', minute: '2-digit' } as const;
const short = new Intl.DateTimeFormat(undefined, SHORT);
const shortWithYear = new Intl.DateTimeFormat(undefined, { ...SHORT, year: 'numeric' });
const day = new Intl.DateTimeFormat(undefined, { dateStyle: 'long' });
const clock = new Intl.DateTimeFormat(undefined, { timeStyle: 'medium' });
const number = new Intl.NumberFormat();

export const formatMoney = (amount: number) => money.format(amount);
export const formatDay = (time: string) => day.format(new Date(time));
export const formatNumber = (value: number) => number.format(value);
/** The time of day, with seconds. */
export const formatClock = (time: string | number) => clock.format(new Date(time));
/** Everything there is to say about a time: day of the week, seconds, zone. */
export const formatFull = (time: string) => full.format(new Date(time));
/** Date and time with seconds and zone. */
export const formatMoment = (time: string) => moment.format(new Date(time));

/** Date and time of day; the year where it is not this one. */
export function formatShort(time: string, now = new Date()): string {
  const date = new Date(time);
  return (date.getFullYear() === now.getFullYear() ? short : shortWithYear).format(date);
}

/** Requests per second: one decimal while there are few. */
export function formatRate(perSecond: number): string {
  return new Intl.NumberFormat(undefined, { maximumFractionDigits: perSecond < 10 ? 1 : 0 }).format(perSecond);
}

/** A latency: `4.2 ms`, `123 ms`, `12.3 s`. */
export function formatLatency(ms: number): string {
  const [value, unit] = ms < 1_000 ? [ms, 'ms'] : [ms / 1_000, 's'];
  const maximumFractionDigits = unit === 's' || value < 10 ? 1 : 0;
  return `${new Intl.NumberFormat(undefined, { maximumFractionDigits }).format(value)} ${unit}`;
}

/** How long something takes: `9 s`, `4 min 50 s`, `2 h 5 min`. */
export function formatDuration(ms: number): string {
  const seconds = Math.ceil(ms / 1_000);
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min${seconds % 60 ? ` ${seconds % 60} s` : ''}`;
  const hours = Math.floor(minutes / 60);
  return `${hours} h${minutes % 60 ? ` ${minutes % 60} min` : ''}`;
}
