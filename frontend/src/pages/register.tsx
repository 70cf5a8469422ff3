// Creates an account.
import { zodResolver } from '@hookform/resolvers/zod';
import { useForm } from 'react-hook-form';
import { Link, Navigate } from 'react-router';
import { register as open } from '../api/open';
import { beginSession, useUserId } from '../api/session';
import { type Registration, registration } from '../lib/rules';
import { useArrival } from '../ui/arrival';
import { useSending } from '../ui/form';
import { EmailField, Form, fieldOf, NameFields, NewPassword } from '../ui/form-kit';
import { Page } from '../ui/page';

export function Register() {
  const userId = useUserId();
  const { to, state } = useArrival();
  const form = useForm<Registration>({
    resolver: zodResolver(registration),
    defaultValues: { email: '', password: '', firstName: '', lastName: '' },
  });
  const sending = useSending(form, async (values) => beginSession(await open(values)), {
    email_taken: 'email',
  });
  const isTaken = form.formState.errors.email?.type === 'email_taken';
  if (userId) return <Navigate to={to} replace />;

  return (
    <Page title="Create an account">
      <Form
        sending={sending}
        send="Create account"
        busyWord="Creating…"
        wide
        beside={
          <>
            Already have an account?{' '}
            <Link to="/login" state={state} className="underline underline-offset-4">
              Sign in
            </Link>
          </>
        }
      >
        <NameFields first={fieldOf(form, 'firstName')} last={fieldOf(form, 'lastName')} />
        <EmailField
          autoComplete="email"
          remedy={
            isTaken && (
              <Link
                to="/login"
                state={{ ...state, email: form.getValues('email') }}
                className="underline underline-offset-4"
              >
                Sign in with this address
              </Link>
            )
          }
          {...fieldOf(form, 'email')}
        />
        <NewPassword {...fieldOf(form, 'password')} />
      </Form>
    </Page>
  );
}
