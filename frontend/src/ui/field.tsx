// A labelled field of a form, with its hint and its error.
import { type InputHTMLAttributes, type ReactNode, useId, useState } from 'react';

interface Props extends Omit<InputHTMLAttributes<HTMLInputElement & HTMLTextAreaElement>, 'id'> {
  label: string;
  hint?: ReactNode;
  optional?: boolean;
  error?: string | undefined;
  /** What helps against the error: a link, say. */
  remedy?: ReactNode;
  /** How many lines, for more than one. */
  rows?: number;
}

export function Field({ label, hint, optional, error, remedy, rows, type, ...input }: Props) {
  const id = useId();
  const [shown, setShown] = useState(false);
  const isPassword = type === 'password';
  const described = [hint && `${id}-hint`, error && `${id}-error`].filter(Boolean).join(' ');
  const control = {
    dir: type ? undefined : 'auto', // what people write runs in its own direction
    ...input,
    id,
    'aria-invalid': error ? true : undefined,
    'aria-describedby': described || undefined,
    className: `block w-full rounded-key border-2 border-edge bg-plate px-3 py-2.5 text-ink outline-offset-1 aria-invalid:border-stop focus-visible:border-ink ${isPassword ? 'pr-18' : ''}`,
  };
  return (
    <div className="min-w-0">
      <label htmlFor={id} className="flex items-baseline justify-between gap-3 font-semibold leading-tight">
        {label}
        {optional && <span className="font-normal text-sm text-soft">optional</span>}
      </label>
      <div className="relative mt-1.5">
        {rows ? (
          <textarea rows={rows} {...control} />
        ) : (
          <input type={isPassword && shown ? 'text' : type} spellCheck={isPassword ? false : undefined} {...control} />
        )}
        {isPassword && (
          <button
            type="button"
            aria-controls={id}
            onClick={() => setShown(!shown)}
            className="absolute inset-y-0 right-0 px-3 text-sm text-soft underline underline-offset-4 hover:text-ink"
          >
            {shown ? 'Hide' : 'Show'}
            <span className="sr-only"> password</span>
          </button>
        )}
      </div>
      {hint && (
        <div id={`${id}-hint`} className="mt-1 text-sm text-soft">
          {hint}
        </div>
      )}
      {error && (
        <p id={`${id}-error`} className="mt-1 text-stop-ink">
          {error}
          {remedy && <> {remedy}</>}
        </p>
      )}
    </div>
  );
}
