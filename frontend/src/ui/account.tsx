// What can be changed about an account: the name and the password.
import { zodResolver } from '@hookform/resolvers/zod';
import { useQueryClient } from '@tanstack/react-query';
import { type ReactNode, useState } from 'react';
import { useForm } from 'react-hook-form';
import { changePassword, updateProfile } from '../api/account';
import type { Profile } from '../api/contract';
import { type NameForm, nameChange, type PasswordForm, passwordChange } from '../lib/rules';
import { keys } from '../queries';
import { Field } from './field';
import { FormProblem, useSending } from './form';
import { Send } from './key';

const NAMES = ['firstName', 'lastName'] as const;
const PASSWORDS = ['currentPassword', 'newPassword'] as const;

export function NameChange({ profile: { firstName, lastName } }: { profile: Profile }) {
  const client = useQueryClient();
  const [changed, setChanged] = useState(false);
  const form = useForm<NameForm>({ resolver: zodResolver(nameChange), values: { firstName, lastName } });
  const { submit, busy, problem } = useSending(form, async (values) => {
    setChanged(false);
    client.setQueryData(keys.profile, await updateProfile(values));
    // Orders carry the customer's name; they hear of it within moments.
    void client.invalidateQueries({ queryKey: keys.anyOrder });
    setChanged(true);
  });
  const { errors } = form.formState;
  return (
    <Folded title="Change your name" done={changed && 'Your name is changed.'}>
      <form noValidate onSubmit={submit} className="grid max-w-xl gap-6">
        <div className="grid gap-6 sm:grid-cols-2">
          <Field
            label="First name"
            autoComplete="given-name"
            error={errors.firstName?.message}
            {...form.register('firstName')}
          />
          <Field
            label="Last name"
            autoComplete="family-name"
            error={errors.lastName?.message}
            {...form.register('lastName')}
          />
        </div>
        <FormProblem problem={problem} fields={NAMES} />
        <div>
          <Send busy={busy} busyWord="Saving…">
            Save name
          </Send>
        </div>
      </form>
    </Folded>
  );
}

export function PasswordChange({ email }: { email: string }) {
  const client = useQueryClient();
  const [changed, setChanged] = useState(false);
  const form = useForm<PasswordForm>({
    resolver: zodResolver(passwordChange),
    defaultValues: { currentPassword: '', newPassword: '' },
  });
  const { submit, busy, problem } = useSending(form, async (values) => {
    setChanged(false);
    await changePassword(values);
    form.reset();
    void client.invalidateQueries({ queryKey: keys.sessions });
    setChanged(true);
  });
  const { errors } = form.formState;
  return (
    <Folded
      title="Change your password"
      done={changed && 'Your password is changed. All other sessions have ended; this one goes on.'}
    >
      <form noValidate onSubmit={submit} className="grid max-w-md gap-6">
        {/* For password managers. */}
        <input type="text" name="username" autoComplete="username" value={email} readOnly hidden />
        <Field
          label="Current password"
          type="password"
          autoComplete="current-password"
          error={errors.currentPassword?.message}
          {...form.register('currentPassword')}
        />
        <Field
          label="New password"
          type="password"
          autoComplete="new-password"
          hint="At least 8 characters. Longer is stronger."
          error={errors.newPassword?.message}
          {...form.register('newPassword')}
        />
        <FormProblem problem={problem} fields={PASSWORDS} />
        <div>
          <Send busy={busy} busyWord="Changing…">
            Change password
          </Send>
        </div>
      </form>
    </Folded>
  );
}

/** A form that shows when it is wanted. */
function Folded({ title, done, children }: { title: string; done: string | false; children: ReactNode }) {
  return (
    <details className="screen-only border-seam border-b py-4">
      <summary className="w-fit cursor-pointer font-semibold underline-offset-4 hover:underline">{title}</summary>
      <div className="pt-5 pb-3">{children}</div>
      <p role="status" className={done ? 'pb-3 font-semibold' : ''}>
        {done}
      </p>
    </details>
  );
}
