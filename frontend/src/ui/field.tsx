// A labelled field of a form, with its hint and its error.
import { type InputHTMLAttributes, useId } from 'react';

interface Props extends Omit<InputHTMLAttributes<HTMLInputElement & HTMLTextAreaElement>, 'id'> {
  label: string;
  hint?: string;
  optional?: boolean;
  error?: string | undefined;
  /** How many lines, for more than one. */
  rows?: number;
}

export function Field({ label, hint, optional, error, rows, ...input }: Props) {
  const id = useId();
  const described = [hint && `${id}-hint`, error && `${id}-error`].filter(Boolean).join(' ');
  const control = {
    ...input,
    id,
    'aria-invalid': error ? true : undefined,
    'aria-describedby': described || undefined,
    className:
      'mt-1.5 block w-full rounded-key border-2 border-edge bg-plate px-3 py-2.5 text-ink outline-offset-1 aria-invalid:border-stop focus-visible:border-ink',
  };
  return (
    <div>
      <label htmlFor={id} className="flex items-baseline justify-between gap-3 font-semibold leading-tight">
        {label}
        {optional && <span className="font-normal text-sm text-soft">optional</span>}
      </label>
      {rows ? <textarea rows={rows} {...control} /> : <input {...control} />}
      {hint && (
        <p id={`${id}-hint`} className="mt-1 text-sm text-soft">
          {hint}
        </p>
      )}
      {error && (
        <p id={`${id}-error`} className="mt-1 text-stop-ink">
          {error}
        </p>
      )}
    </div>
  );
}
