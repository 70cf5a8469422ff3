// Signs in.
import { zodResolver } from '@hookform/resolvers/zod';
import { useForm } from 'react-hook-form';
import { Link, Navigate } from 'react-router';
import { login } from '../api/open';
import { beginSession, useUserId } from '../api/session';
import { type Credentials, credentials } from '../lib/rules';
import { Notice } from '../ui/alert';
import { useArrival } from '../ui/arrival';
import { useSending } from '../ui/form';
import { EmailField, Form, fieldOf, KnownPassword } from '../ui/form-kit';
import { Page } from '../ui/page';

export function Login() {
  const userId = useUserId();
  const { to, notice, email, state } = useArrival();
  const form = useForm<Credentials>({ resolver: zodResolver(credentials), defaultValues: { email, password: '' } });
  const sending = useSending(form, async (values) => beginSession(await login(values)));
  if (userId) return <Navigate to={to} replace />;

  return (
    <Page title="Sign in">
      <Form
        sending={sending}
        send="Sign in"
        busyWord="Signing in…"
        beside={
          <>
            New here?{' '}
            <Link to="/register" state={state} className="underline underline-offset-4">
              Create an account
            </Link>
          </>
        }
      >
        {notice && !sending.problem && <Notice>{notice}</Notice>}
        <EmailField autoComplete="username" {...fieldOf(form, 'email')} />
        <KnownPassword {...fieldOf(form, 'password')} />
      </Form>
    </Page>
  );
}
