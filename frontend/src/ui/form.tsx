// What all forms do alike: send once, show what the server objects to at the field concerned, take the focus there.
import { type ReactNode, useEffect, useState } from 'react';
import type { FieldValues, Path, UseFormReturn } from 'react-hook-form';
import { useBlocker } from 'react-router';
import { Problem } from '../api/problem';
import { currentSession } from '../api/session';
import { wordsFor } from '../lib/words';
import { Alert } from './alert';

/** Sends what is filled in, unless it is being sent already. `fieldOf`: codes that concern one field. */
export function useSending<Values extends FieldValues>(
  form: UseFormReturn<Values>,
  send: (values: Values) => Promise<void>,
  fieldOf: Partial<Record<string, Path<Values>>> = {},
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
      const field = fieldOf[failure.code];
      if (field)
        form.setError(field, { type: failure.code, message: `${wordsFor(failure).title}.` }, { shouldFocus: true });
      else setProblem(failure);
      showAtFields(form, failure);
    } finally {
      setBusy(false);
    }
  });
  return { submit, busy, problem, fields: Object.keys(form.getValues()) };
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
  return messages
    .map((message) => `${message.charAt(0).toUpperCase()}${message.slice(1).replace(/\.$/, '')}.`)
    .join(' ');
}

interface FormProblemProps {
  problem: Problem | null;
  fields: readonly string[];
  /** What can be done about it. */
  children?: ReactNode;
}

/** The problem of the whole form, with what no field could show. Stands beside the button that was pressed. */
export function FormProblem({ problem, fields, children }: FormProblemProps) {
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
      {children}
      <RequestId problem={problem} />
    </Alert>
  );
}

/** Which request it was, for whoever looks into a failure of ours. */
export function RequestId({ problem }: { problem: Problem }) {
  if (!problem.ours || !problem.requestId) return null;
  return (
    <p className="mt-2 text-sm">
      Request ID <span className="select-all font-mono text-xs">{problem.requestId}</span>
    </p>
  );
}

/** Asks before what was filled in, or is being sent, is thrown away. Not when the session has ended. */
export function useAskBeforeLeaving(unsent: () => boolean) {
  const blocker = useBlocker(() => currentSession() !== null && unsent());
  useEffect(() => {
    if (blocker.state !== 'blocked') return;
    if (window.confirm('Leave this page? What you filled in has not been sent.')) blocker.proceed();
    else blocker.reset();
  }, [blocker]);
  useEffect(() => {
    const stay = (event: BeforeUnloadEvent) => {
      if (unsent()) event.preventDefault();
    };
    window.addEventListener('beforeunload', stay);
    return () => window.removeEventListener('beforeunload', stay);
  }, [unsent]);
}
