// What a list of orders is narrowed to, as it stands in the page's address.
import { priceOf } from './price';

export const SORTS = {
  newest: 'Newest first',
  oldest: 'Oldest first',
  price_desc: 'Highest price',
  price_asc: 'Lowest price',
};
export type Sort = keyof typeof SORTS;

export interface Filters {
  q?: string;
  /** Days, as `2026-11-25`: both are part of what is shown. */
  from?: string;
  to?: string;
  min?: number;
  max?: number;
  sort?: Sort;
}

/** The filters of an address. What does not fit is left out. */
export function filtersOf(search: URLSearchParams): Filters {
  const text = (name: string) => search.get(name)?.trim() || undefined;
  const day = (name: string) => text(name)?.match(/^\d{4}-\d{2}-\d{2}$/)?.[0];
  const amount = (name: string) => {
    const price = priceOf(text(name) ?? '');
    return Number.isNaN(price) ? undefined : price;
  };
  const sort = text('sort');
  return defined({
    q: text('q') && [...(text('q') ?? '')].slice(0, 100).join(''),
    from: day('from'),
    to: day('to'),
    min: amount('min'),
    max: amount('max'),
    sort: sort && Object.hasOwn(SORTS, sort) && sort !== 'newest' ? (sort as Sort) : undefined,
  });
}

/** The same as the API takes it: moments instead of the viewer's days, the end excluded. */
export function queryOf({ from, to, ...rest }: Filters) {
  return defined({ ...rest, from: from && startOf(from, 0), to: to && startOf(to, 1) });
}

function startOf(day: string, later: number): string | undefined {
  const [year = 0, month = 1, date = 1] = day.split('-').map(Number);
  const start = new Date(year, month - 1, date + later);
  return Number.isNaN(start.getTime()) ? undefined : start.toISOString();
}

type Defined<T> = { [K in keyof T]?: Exclude<T[K], undefined> };

function defined<T extends object>(value: T): Defined<T> {
  return Object.fromEntries(Object.entries(value).filter(([, one]) => one !== undefined)) as Defined<T>;
}
