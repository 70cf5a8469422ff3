// The start: what this is, a message's journey, and what the answers mean.
import { useUserId } from '../api/session';
import { Journey } from '../ui/journey';
import { Junction } from '../ui/junction';
import { KeyLink } from '../ui/key';
import { Title } from '../ui/page';
import { type Aspect, SignalHead } from '../ui/signal-head';

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
            Accounts and orders live in two services that never meet. This page asks a gateway, the gateway asks a
            queue, and a small process that does one thing answers. Stop one and nothing is lost. Start more and that
            one thing scales.
          </p>
          <div className="mt-8 flex flex-wrap gap-4">
            {userId ? (
              <>
                <KeyLink to="/orders/new">New order</KeyLink>
                <KeyLink to="/system" plain>
                  Watch the system
                </KeyLink>
              </>
            ) : (
              <>
                <KeyLink to="/register">Open an account</KeyLink>
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
          The way of an order
        </h2>
        <Journey />
      </section>

      <section aria-labelledby="answers" className="mt-20">
        <h2 id="answers" className="text-2xl sm:text-3xl">
          What an answer means
        </h2>
        <div className="mt-6 grid gap-x-10 gap-y-8 md:grid-cols-3">
          <Answer aspect="clear" status="201" title="Placed">
            It is on the record, once. Press twice, lose the line, send again: it stays one order.
          </Answer>
          <Answer aspect="caution" status="503" title="Not done">
            Nothing was executed, and nothing will be later. It is safe to send again.
          </Answer>
          <Answer aspect="stop" status="504" title="Nobody knows">
            The answer got lost on its way. Send the same form again, and you find out without doing it twice.
          </Answer>
        </div>
      </section>
    </>
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
