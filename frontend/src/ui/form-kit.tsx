// What the forms about an account are made of: the form itself, and fields that stand in more than one.
import type { ComponentProps, FormEventHandler, ReactNode } from 'react';
import type { FieldValues, Path, UseFormReturn } from 'react-hook-form';
import type { Problem } from '../api/problem';
import { Field } from './field';
import { FormProblem } from './form';
import { Send } from './key';

interface FormProps {
  /** What `useSending` gave. */
  sending: {
    submit: FormEventHandler<HTMLFormElement>;
    busy: boolean;
    problem: Problem | null;
    fields: readonly string[];
  };
  /** What stands on the button, and while it is being sent. */
  send: string;
  busyWord: string;
  wide?: boolean;
  /** What stands beside the button. */
  beside?: ReactNode;
  children: ReactNode;
}

export function Form({
  sending: { submit, busy, problem, fields },
  send,
  busyWord,
  wide,
  beside,
  children,
}: FormProps) {
  return (
    <form noValidate onSubmit={submit} className={`grid gap-6 ${wide ? 'max-w-xl' : 'max-w-md'}`}>
      {children}
      <FormProblem problem={problem} fields={fields} />
      <div className="flex flex-wrap items-center gap-x-8 gap-y-4">
        <Send busy={busy} busyWord={busyWord}>
          {send}
        </Send>
        {beside && <p>{beside}</p>}
      </div>
    </form>
  );
}

/** What makes an input a field of a form: its name, its value, its error. */
export function fieldOf<Values extends FieldValues>(form: UseFormReturn<Values>, name: Path<Values>) {
  const message = form.formState.errors[name]?.message;
  return { ...form.register(name), error: typeof message === 'string' ? message : undefined };
}

type FieldProps = ReturnType<typeof fieldOf>;

export function NameFields({ first, last }: { first: FieldProps; last: FieldProps }) {
  return (
    <div className="grid gap-6 sm:grid-cols-2">
      <Field label="First name" autoComplete="given-name" {...first} />
      <Field label="Last name" autoComplete="family-name" {...last} />
    </div>
  );
}

export function EmailField(field: FieldProps & Pick<ComponentProps<typeof Field>, 'autoComplete' | 'remedy'>) {
  return <Field label="E-mail address" type="email" {...field} />;
}

export function KnownPassword({ label = 'Password', ...field }: FieldProps & { label?: string }) {
  return <Field label={label} type="password" autoComplete="current-password" {...field} />;
}

export function NewPassword({ label = 'Password', ...field }: FieldProps & { label?: string }) {
  const hint = 'At least 8 characters. Longer is stronger.';
  return <Field label={label} type="password" autoComplete="new-password" hint={hint} {...field} />;
}
