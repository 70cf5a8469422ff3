// What a problem means for the person in front of the page, in words.
import type { Problem } from '../api/problem';
import { formatClock, formatDuration } from './format';

export interface Words {
  title: string;
  detail: string;
}

/** `doing`: whether something was asked to be done, so that it matters whether it was. */
export function wordsFor(problem: Problem, doing = false): Words {
  const { title, detail } = meaning(problem, doing);
  return { title, detail: `${detail}${wait(problem)}` };
}

function meaning(problem: Problem, doing: boolean): Words {
  const { code, message, status } = problem;
  const nothingDone = doing ? ' Nothing was done, so it is safe to send again.' : '';
  switch (code) {
    case 'unreachable':
      return {
        title: 'The gateway cannot be reached',
        detail: navigator.onLine
          ? `It may be starting or stopped.${doing ? ' If your request did arrive, sending this form again will not do it twice.' : ''}`
          : 'This device is offline.',
      };
    case 'service_unavailable':
      return {
        title: 'This service has no workers at the moment',
        detail: `No process serves this pattern.${nothingDone}`,
      };
    case 'broker_unavailable':
      return {
        title: 'The message broker is unreachable',
        detail: `The gateway is reconnecting to it.${nothingDone}`,
      };
    case 'database_unavailable':
      return {
        title: 'The database is unreachable',
        detail: `The worker is running but cannot reach it.${nothingDone}`,
      };
    case 'database_busy':
      return { title: 'The database is busy', detail: `The worker waited too long for it.${nothingDone}` };
    case 'overloaded':
      return { title: 'The service is overloaded', detail: `There are too many requests right now.${nothingDone}` };
    case 'too_many_requests':
      return { title: 'Too many attempts', detail: message };
    case 'outcome_unknown':
    case 'no_answer':
      return {
        title: 'No answer came in time',
        detail: doing
          ? 'Your request may or may not have been carried out. Send this form again: it will not be done twice.'
          : 'The worker may be busy or stuck.',
      };
    case 'invalid_input':
      return doing
        ? { title: 'Please check the marked fields', detail: 'Nothing was changed.' }
        : { title: 'The gateway refused this request', detail: message };
    case 'email_taken':
      return {
        title: 'An account with this address already exists',
        detail: 'Sign in instead, or use another address.',
      };
    case 'invalid_credentials':
      return { title: 'Wrong e-mail address or password', detail: 'Check both and try again.' };
    case 'idempotency_key_reused':
      return {
        title: 'An earlier version of this order was placed',
        detail: 'Its contents were different. What is in the form now has not been placed.',
      };
    case 'idempotency_key_in_use':
      return { title: 'This form is already being sent', detail: 'Wait a moment, then send it again.' };
    case 'permission_denied':
      return { title: 'You have no access to this', detail: message };
    case 'internal':
      return { title: 'Something went wrong on our side', detail: message };
    default:
      return { title: status >= 500 ? 'Something went wrong on our side' : 'That did not work', detail: message };
  }
}

/** When to come back, as the gateway said it. A second or two is not worth mentioning. */
function wait({ retryAfterMs, receivedAt }: Problem): string {
  if (retryAfterMs <= 3_000) return '';
  return ` Try again at ${formatClock(receivedAt + retryAfterMs)} (in ${formatDuration(retryAfterMs)}).`;
}
