// Signs in.
import { zodResolver } from '@hookform/resolvers/zod';
import { useForm } from 'react-hook-form';
import { Link, Navigate } from 'react-router';
import { login } from '../api/open';
import { beginSession, useUserId } from '../api/session';
import { type Credentials, credentials } from '../lib/rules';
import { Notice } from '../ui/alert';
import { useArrival } from '../ui/arrival';
import { Field } from '../ui/field';
import { FormProblem, useSending } from '../ui/form';
import { Send } from '../ui/key';
import { Page } from '../ui/page';

const FIELDS = ['email', 'password'] as const;

export function Login() {
  const userId = useUserId();
  const { to, notice, email, state } = useArrival();
  const form = useForm<Credentials>({ resolver: zodResolver(credentials), defaultValues: { email, password: '' } });
  const { submit, busy, problem } = useSending(form, async (values) => beginSession(await login(values)));
  const { errors } = form.formState;
  if (userId) return <Navigate to={to} replace />;

  return (
    <Page title="Sign in">
      <form noValidate onSubmit={submit} className="grid max-w-md gap-6">
        {notice && !problem && <Notice>{notice}</Notice>}
        <Field
          label="E-mail address"
          type="email"
          autoComplete="username"
          error={errors.email?.message}
          {...form.register('email')}
        />
        <Field
          label="Password"
          type="password"
          autoComplete="current-password"
          error={errors.password?.message}
          {...form.register('password')}
        />
        <FormProblem problem={problem} fields={FIELDS} />
        <div className="flex flex-wrap items-center gap-x-8 gap-y-4">
          <Send busy={busy} busyWord="Signing in…">
            Sign in
          </Send>
          <p>
            New here?{' '}
            <Link to="/register" state={state} className="underline underline-offset-4">
              Create an account
            </Link>
          </p>
        </div>
      </form>
    </Page>
  );
}
