// The board on the start page: there for everybody, unless the gateway keeps it to members or does not answer.
import { formatClock } from '../lib/format';
import { Board } from './board';
import { useSystem } from './use-system';

export function LiveBoard() {
  const { query, outage } = useSystem();
  if (!query.data) return null;
  return (
    <section aria-labelledby="live" className="mt-20">
      <h2 id="live" className="mb-6 text-2xl sm:text-3xl">
        The system, live
      </h2>
      <Board state={query.data} outage={outage} asOf={formatClock(query.dataUpdatedAt)} />
    </section>
  );
}
