// Creates an account.
import { zodResolver } from '@hookform/resolvers/zod';
import { useForm } from 'react-hook-form';
import { Link, Navigate } from 'react-router';
import { register as open } from '../api/open';
import { beginSession, useUserId } from '../api/session';
import { type Registration, registration } from '../lib/rules';
import { useArrival } from '../ui/arrival';
import { Field } from '../ui/field';
import { FormProblem, useSending } from '../ui/form';
import { Send } from '../ui/key';
import { Page } from '../ui/page';

const FIELDS = ['firstName', 'lastName', 'email', 'password'] as const;

export function Register() {
  const userId = useUserId();
  const { to, state } = useArrival();
  const form = useForm<Registration>({
    resolver: zodResolver(registration),
    defaultValues: { email: '', password: '', firstName: '', lastName: '' },
  });
  const { submit, busy, problem } = useSending(form, async (values) => beginSession(await open(values)), {
    email_taken: 'email',
  });
  const { errors } = form.formState;
  if (userId) return <Navigate to={to} replace />;

  return (
    <Page title="Create an account">
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
        <Field
          label="E-mail address"
          type="email"
          autoComplete="email"
          error={errors.email?.message}
          remedy={
            errors.email?.type === 'email_taken' && (
              <Link
                to="/login"
                state={{ ...state, email: form.getValues('email') }}
                className="underline underline-offset-4"
              >
                Sign in with it
              </Link>
            )
          }
          {...form.register('email')}
        />
        <Field
          label="Password"
          type="password"
          autoComplete="new-password"
          hint="At least 8 characters. Longer is stronger."
          error={errors.password?.message}
          {...form.register('password')}
        />
        <FormProblem problem={problem} fields={FIELDS} />
        <div className="flex flex-wrap items-center gap-x-8 gap-y-4">
          <Send busy={busy} busyWord="Creating…">
            Create account
          </Send>
          <p>
            Already have an account?{' '}
            <Link to="/login" state={state} className="underline underline-offset-4">
              Sign in
            </Link>
          </p>
        </div>
      </form>
    </Page>
  );
}
