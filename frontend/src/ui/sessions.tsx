// Where somebody is signed in, and how to end that: one session, all others, or all.
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { endAllSessions, endOneSession, sessions as load } from '../api/account';
import type { SessionInfo } from '../api/contract';
import { Problem } from '../api/problem';
import { endSession } from '../api/session';
import { formatShort } from '../lib/format';
import { wordsFor } from '../lib/words';
import { keys } from '../queries';
import { Alert } from './alert';
import { RequestId } from './form';
import { Key } from './key';
import { Moment } from './moment';
import { problemIn, Trouble } from './trouble';

const LOOK_MS = 10_000;
type Which = { id: string } | 'others' | 'all';

export function Sessions() {
  const query = useQuery({
    queryKey: keys.sessions,
    queryFn: ({ signal }) => load(signal),
    refetchInterval: LOOK_MS,
    meta: { quiet: true },
  });
  const end = useEnd();
  const list = query.data;
  return (
    <section aria-labelledby="sessions" className="screen-only mt-12 max-w-3xl">
      <h2 id="sessions" className="text-2xl">
        Sessions
      </h2>
      <p className="mt-1 text-soft">Every browser and program where you are signed in.</p>
      {!list && problemIn(query) && (
        <div className="mt-6">
          <Trouble query={query} />
        </div>
      )}
      {list && (
        <ul className="mt-4 border-seam border-t">
          {list.map((session) => (
            <Row key={session.id} session={session} onEnd={() => end.mutate({ id: session.id })} />
          ))}
        </ul>
      )}
      {list && (
        <div className="mt-6 flex flex-wrap gap-4">
          {list.length > 1 && <Key onPress={() => end.mutate('others')}>Sign out all other sessions</Key>}
          <Key onPress={() => end.mutate('all')}>Sign out everywhere</Key>
        </div>
      )}
      {end.error instanceof Problem && (
        <div className="mt-6">
          <Alert title={wordsFor(end.error, true).title}>
            <p>{wordsFor(end.error, true).detail}</p>
            <RequestId problem={end.error} />
          </Alert>
        </div>
      )}
      <p role="status" className="sr-only">
        {end.isSuccess ? 'Signed out.' : ''}
      </p>
    </section>
  );
}

function useEnd() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: async (which: Which) => {
      if (which === 'all') await endAllSessions();
      else if (which === 'others') await endAllSessions('current');
      else await endOneSession(which.id);
      return which;
    },
    onSuccess: (which) => {
      if (which === 'all') endSession('You are signed out everywhere.');
      else void client.invalidateQueries({ queryKey: keys.sessions });
    },
  });
}

function Row({ session, onEnd }: { session: SessionInfo; onEnd: () => void }) {
  const { startedAt, lastUsedAt, expiresAt, current } = session;
  return (
    <li className="flex flex-wrap items-center justify-between gap-x-6 gap-y-2 border-seam border-b py-3.5">
      <div className="min-w-0">
        <p className="font-semibold">
          {current ? 'This session' : 'Another session'}, started <Moment time={startedAt} format={formatShort} />
        </p>
        <p className="text-sm text-soft">
          Last renewed <Moment time={lastUsedAt} format={formatShort} />, expires{' '}
          <Moment time={expiresAt} format={formatShort} /> unless renewed again
        </p>
      </div>
      {!current && (
        <button type="button" onClick={onEnd} className="py-1.5 underline underline-offset-4">
          Sign out<span className="sr-only"> the session started {formatShort(startedAt)}</span>
        </button>
      )}
    </li>
  );
}
