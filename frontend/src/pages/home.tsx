// The start: what this is, a message's journey, and what the answers mean.
import { lazy, Suspense, useEffect, useRef, useState } from 'react';
import { useUserId } from '../api/session';
import { Journey } from '../ui/journey';
import { Junction } from '../ui/junction';
import { KeyLink } from '../ui/key';
import { Title } from '../ui/page';
import { type Aspect, SignalHead } from '../ui/signal-head';

const LiveBoard = lazy(async () => ({ default: (await import('../ui/live-board')).LiveBoard }));

export function Home() {
  const userId = useUserId();
  return (
    <>
      <div className="grid items-center gap-x-12 gap-y-12 lg:grid-cols-[1.15fr_1fr]">
        <div>
          <Title tab="Start" className="max-w-[16ch] text-5xl sm:text-6xl xl:text-7xl">
            Every request here becomes a message.
          </Title>
          <p className="mt-6 max-w-[58ch] text-lg">
            Accounts and orders live in two services that never call each other. This page calls a gateway, the gateway
            puts each request on a queue, and a small process with a single job answers it. Stop one and nothing is
            lost. Start more of one and that job scales.
          </p>
          <div className="mt-8 flex flex-wrap gap-4" data-stranger={userId ? undefined : ''}>
            {userId ? (
              <>
                <KeyLink to="/orders/new">New order</KeyLink>
                <KeyLink to="/system" plain>
                  Watch the system
                </KeyLink>
              </>
            ) : (
              <>
                <KeyLink to="/register">Create an account</KeyLink>
                <KeyLink to="/login" plain>
                  Sign in
                </KeyLink>
              </>
            )}
          </div>
        </div>
        <div className="hidden sm:block">
          <Junction />
        </div>
      </div>

      <section aria-labelledby="journey" className="mt-20">
        <h2 id="journey" className="text-2xl sm:text-3xl">
          How an order travels
        </h2>
        <Journey />
      </section>

      <section aria-labelledby="answers" className="mt-20">
        <h2 id="answers" className="text-2xl sm:text-3xl">
          What an answer means
        </h2>
        <div className="mt-6 grid gap-x-10 gap-y-8 md:grid-cols-3">
          <Answer aspect="clear" status="201" title="Placed">
            The order is recorded exactly once. Press twice, lose the connection, send again: it stays one order.
          </Answer>
          <Answer aspect="caution" status="503" title="Not done">
            Nothing was executed, and nothing will be later. It is safe to send again.
          </Answer>
          <Answer aspect="stop" status="504" title="Outcome unknown">
            The answer was lost on its way. Send the same form again to find out: it will not be done twice.
          </Answer>
        </div>
      </section>

      <LaterBoard />
    </>
  );
}

/** The board asks all the time, so it begins when somebody comes near it. It is last: nothing is below that it could move. */
function LaterBoard() {
  const [near, setNear] = useState(false);
  const place = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const watch = new IntersectionObserver(([seen]) => seen?.isIntersecting && setNear(true), { rootMargin: '200px' });
    if (place.current) watch.observe(place.current);
    return () => watch.disconnect();
  }, []);
  return (
    <div ref={place}>
      <Suspense>{near && <LiveBoard />}</Suspense>
    </div>
  );
}

function Answer({
  aspect,
  status,
  title,
  children,
}: {
  aspect: Aspect;
  status: string;
  title: string;
  children: string;
}) {
  return (
    <div className="flex gap-5">
      <SignalHead aspect={aspect} />
      <div>
        <h3 className="text-xl">
          {title} <span className="font-medium text-soft tabular-nums">{status}</span>
        </h3>
        <p className="mt-1.5 text-soft">{children}</p>
      </div>
    </div>
  );
}
