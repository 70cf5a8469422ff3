// What a problem means for the person in front of the page, in words.
import type { Problem } from '../api/problem';

export interface Words {
  title: string;
  detail: string;
}

/** `doing`: whether something was asked to be done, so that it matters whether it was. */
export function wordsFor(problem: Problem, doing = false): Words {
  const { code, message, status } = problem;
  const nothingDone = doing ? ' Nothing was done, so it is safe to send again.' : '';
  switch (code) {
    case 'unreachable':
      return {
        title: 'The gateway cannot be reached',
        detail: navigator.onLine
          ? `It may be starting, or stopped.${doing ? ' If your request got there, sending it again from this form will not do it twice.' : ''}`
          : 'This device is offline.',
      };
    case 'service_unavailable':
      return {
        title: 'Nobody serves this at the moment',
        detail: `No worker takes this kind of message.${nothingDone}`,
      };
    case 'broker_unavailable':
      return { title: 'The broker is away', detail: `The gateway has nobody to hand messages to.${nothingDone}` };
    case 'database_unavailable':
      return { title: 'The database is away', detail: `The worker is there but cannot reach its data.${nothingDone}` };
    case 'overloaded':
      return { title: 'Too much at once', detail: `The gateway sheds load.${nothingDone}` };
    case 'too_many_requests':
      return { title: 'Too many attempts', detail: `${message}${wait(problem)}` };
    case 'outcome_unknown':
    case 'no_answer':
      return {
        title: 'No answer came in time',
        detail: doing
          ? 'It may have been done, or not. Send it again from this form: it will not be done twice.'
          : 'The worker may be busy or stuck.',
      };
    case 'invalid_input':
      return { title: 'Some of it does not fit', detail: 'See the fields below.' };
    case 'email_taken':
      return { title: 'There is an account with this address', detail: 'Sign in instead, or use another address.' };
    case 'invalid_credentials':
      return { title: 'Address and password do not match', detail: 'Check both and try again.' };
    case 'idempotency_key_reused':
      return {
        title: 'An earlier attempt from this form went through',
        detail:
          'It was sent with other contents, and that order is placed. Look at your orders before you place another.',
      };
    case 'idempotency_key_in_use':
      return { title: 'This form is being sent already', detail: 'Wait a moment, then send it again.' };
    case 'permission_denied':
      return { title: 'This is somebody else’s', detail: message };
    case 'internal':
      return { title: 'Something broke on our side', detail: message };
    default:
      return { title: status >= 500 ? 'Something broke on our side' : 'That did not work', detail: message };
  }
}

function wait({ retryAfterMs }: Problem): string {
  return retryAfterMs > 0 ? ` Wait ${Math.ceil(retryAfterMs / 1000)} s.` : '';
}
