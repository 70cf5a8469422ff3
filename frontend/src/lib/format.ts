// Amounts, dates and durations as the viewer writes them.

const money = new Intl.NumberFormat(undefined, { style: 'currency', currency: 'USD' });
const moment = new Intl.DateTimeFormat(undefined, { dateStyle: 'long', timeStyle: 'short' });
const short = new Intl.DateTimeFormat(undefined, {
  day: 'numeric',
  month: 'short',
  hour: 'numeric',
  minute: '2-digit',
});
const day = new Intl.DateTimeFormat(undefined, { dateStyle: 'long' });
const number = new Intl.NumberFormat();

export const formatMoney = (amount: number) => money.format(amount);
export const formatMoment = (time: string) => moment.format(new Date(time));
export const formatShort = (time: string) => short.format(new Date(time));
export const formatDay = (time: string) => day.format(new Date(time));
export const formatNumber = (value: number) => number.format(value);

/** Requests per second: one decimal while there are few. */
export function formatRate(perSecond: number): string {
  return new Intl.NumberFormat(undefined, { maximumFractionDigits: perSecond < 10 ? 1 : 0 }).format(perSecond);
}

/** Milliseconds: one decimal while they are few. */
export function formatMs(ms: number): string {
  return new Intl.NumberFormat(undefined, { maximumFractionDigits: ms < 10 ? 1 : 0 }).format(ms);
}
