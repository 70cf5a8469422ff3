// Narrows and sorts a list of orders. What is chosen stands in the page's address, so that it can be kept and shared.
import { type ReactNode, useEffect, useId, useRef } from 'react';
import { useSearchParams } from 'react-router';
import { type Filters, SORTS } from '../lib/filters';
import { Key } from './key';

const BOX = 'mt-1 block w-full rounded-key border-2 border-edge bg-plate px-2.5 py-1.5 text-ink';

export function FilterBar({ filters }: { filters: Filters }) {
  const [, setSearch] = useSearchParams();
  const active = Object.keys(filters).length > 0;
  const form = useRef<HTMLFormElement>(null);
  const wanted = JSON.stringify(filters);
  // The address may change by itself: back and forward. The fields follow, and keep the focus.
  useEffect(() => {
    const values: Record<string, unknown> = { sort: 'newest', ...JSON.parse(wanted) };
    for (const field of form.current?.querySelectorAll<HTMLInputElement>('[name]') ?? []) {
      field.value = String(values[field.name] ?? '');
    }
  }, [wanted]);
  const apply = (form: FormData) => {
    const chosen = [...form].flatMap(([name, value]) =>
      typeof value === 'string' && value.trim() ? [[name, value.trim()]] : [],
    );
    setSearch(chosen.filter(([name, value]) => name !== 'sort' || value !== 'newest') as [string, string][]);
  };
  return (
    <search className="screen-only mb-8 block">
      <form
        ref={form}
        onSubmit={(event) => {
          event.preventDefault();
          apply(new FormData(event.currentTarget));
        }}
        className="flex flex-wrap items-end gap-x-4 gap-y-3"
      >
        <Labelled label="Search" className="min-w-0 grow basis-56">
          {(id) => <input id={id} name="q" type="search" dir="auto" maxLength={100} className={BOX} />}
        </Labelled>
        <Labelled label="Sort" className="basis-40 max-sm:grow">
          {(id) => (
            <select id={id} name="sort" onChange={(event) => event.currentTarget.form?.requestSubmit()} className={BOX}>
              {Object.entries(SORTS).map(([value, words]) => (
                <option key={value} value={value}>
                  {words}
                </option>
              ))}
            </select>
          )}
        </Labelled>
        <details className="basis-full" open={Boolean(filters.from ?? filters.to ?? filters.min ?? filters.max)}>
          <summary className="w-fit cursor-pointer text-soft underline-offset-4 hover:underline">
            Date and price
          </summary>
          <div className="mt-2 grid grid-cols-2 gap-3 sm:grid-cols-4">
            <Labelled label="From">{(id) => <input id={id} name="from" type="date" className={BOX} />}</Labelled>
            <Labelled label="To">{(id) => <input id={id} name="to" type="date" className={BOX} />}</Labelled>
            <Labelled label="Lowest price">
              {(id) => <input id={id} name="min" inputMode="decimal" className={BOX} />}
            </Labelled>
            <Labelled label="Highest price">
              {(id) => <input id={id} name="max" inputMode="decimal" className={BOX} />}
            </Labelled>
          </div>
        </details>
        <button type="submit" className="py-1.5 font-semibold underline underline-offset-4">
          Apply
        </button>
        {active && <Key onPress={() => setSearch([])}>Clear filters</Key>}
      </form>
    </search>
  );
}

interface LabelledProps {
  label: string;
  className?: string;
  children: (id: string) => ReactNode;
}

function Labelled({ label, className = 'min-w-0', children }: LabelledProps) {
  const id = useId();
  return (
    <div className={className}>
      <label htmlFor={id} className="font-semibold text-sm">
        {label}
      </label>
      {children(id)}
    </div>
  );
}
