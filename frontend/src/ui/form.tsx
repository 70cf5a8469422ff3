// What all forms do alike: send once, show what the server objects to at the field concerned, take the focus there.
import { useEffect, useState } from 'react';
import type { FieldValues, Path, UseFormReturn } from 'react-hook-form';
import { Problem } from '../api/problem';
import { wordsFor } from '../lib/words';
import { Alert } from './alert';

/** Sends what is filled in, unless it is being sent already. */
export function useSending<Values extends FieldValues>(
  form: UseFormReturn<Values>,
  send: (values: Values) => Promise<void>,
) {
  const [problem, setProblem] = useState<Problem | null>(null);
  const [busy, setBusy] = useState(false);

  const submit = form.handleSubmit(async (values) => {
    if (busy) return;
    setBusy(true);
    setProblem(null);
    try {
      await send(values);
    } catch (failure) {
      if (!(failure instanceof Problem)) throw failure;
      setProblem(failure);
      showAtFields(form, failure);
    } finally {
      setBusy(false);
    }
  });
  return { submit, busy, problem };
}

function showAtFields<Values extends FieldValues>(form: UseFormReturn<Values>, { errors }: Problem) {
  let first = true;
  for (const [name, messages] of Object.entries(errors)) {
    if (!(name in form.getValues())) continue;
    form.setError(name as Path<Values>, { type: 'server', message: sentence(messages) }, { shouldFocus: first });
    first = false;
  }
}

/** "must be a number" as it stands under a field. */
function sentence(messages: string[]): string {
  return messages.map((message) => `${message.charAt(0).toUpperCase()}${message.slice(1)}.`).join(' ');
}

/** The problem of the whole form, with what no field could show. */
export function FormProblem({ problem, fields }: { problem: Problem | null; fields: readonly string[] }) {
  const left = Object.entries(problem?.errors ?? {}).filter(([name]) => !fields.includes(name));
  if (!problem) return null;
  const { title, detail } = wordsFor(problem, true);
  return (
    <Alert title={title}>
      <p>{detail}</p>
      {left.map(([name, messages]) => (
        <p key={name}>
          <code className="font-mono text-sm">{name}</code> {messages.join(', ')}
        </p>
      ))}
    </Alert>
  );
}

/** Warns before the tab is closed while something is being sent. */
export function useStayWhile(busy: boolean) {
  useEffect(() => {
    if (!busy) return;
    const stay = (event: BeforeUnloadEvent) => event.preventDefault();
    window.addEventListener('beforeunload', stay);
    return () => window.removeEventListener('beforeunload', stay);
  }, [busy]);
}
