// What can be changed about an account: the name and the password.
import { zodResolver } from '@hookform/resolvers/zod';
import { useQueryClient } from '@tanstack/react-query';
import { type ReactNode, useState } from 'react';
import { useForm } from 'react-hook-form';
import { changePassword, updateProfile } from '../api/account';
import type { Profile } from '../api/contract';
import { type NameForm, nameChange, type PasswordForm, passwordChange } from '../lib/rules';
import { keys } from '../queries';
import { useSending } from './form';
import { Form, fieldOf, KnownPassword, NameFields, NewPassword } from './form-kit';

export function NameChange({ profile: { firstName, lastName } }: { profile: Profile }) {
  const client = useQueryClient();
  const [changed, setChanged] = useState(false);
  const form = useForm<NameForm>({ resolver: zodResolver(nameChange), values: { firstName, lastName } });
  const sending = useSending(form, async (values) => {
    setChanged(false);
    client.setQueryData(keys.profile, await updateProfile(values));
    // Orders carry the customer's name; they hear of it within moments.
    void client.invalidateQueries({ queryKey: keys.anyOrder });
    setChanged(true);
  });
  return (
    <Folded title="Change your name" done={changed && 'Your name is changed.'}>
      <Form sending={sending} send="Save name" busyWord="Saving…" wide>
        <NameFields first={fieldOf(form, 'firstName')} last={fieldOf(form, 'lastName')} />
      </Form>
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
  const sending = useSending(form, async (values) => {
    setChanged(false);
    await changePassword(values);
    form.reset();
    void client.invalidateQueries({ queryKey: keys.sessions });
    setChanged(true);
  });
  return (
    <Folded
      title="Change your password"
      done={changed && 'Your password is changed. All other sessions have ended; this one goes on.'}
    >
      <Form sending={sending} send="Change password" busyWord="Changing…">
        {/* For password managers. */}
        <input type="text" name="username" autoComplete="username" value={email} readOnly hidden />
        <KnownPassword label="Current password" {...fieldOf(form, 'currentPassword')} />
        <NewPassword label="New password" {...fieldOf(form, 'newPassword')} />
      </Form>
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
