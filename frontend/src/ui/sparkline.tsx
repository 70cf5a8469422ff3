// A small curve of the last minutes, with its peak in words.
import type { Moment } from '../api/contract';
import { formatRate } from '../lib/format';

const WIDTH = 96;
const HEIGHT = 22;

export function Sparkline({ history }: { history: Moment[] }) {
  const peak = Math.max(...history.map(({ ratePerSecond }) => ratePerSecond), 0);
  const minutes = Math.round((history.length * 10) / 60);
  const step = WIDTH / Math.max(history.length - 1, 1);
  const y = (rate: number) => (HEIGHT - 1.5 - (peak > 0 ? (rate / peak) * (HEIGHT - 4) : 0)).toFixed(1);
  const points = history.map(({ ratePerSecond }, slot) => `${(slot * step).toFixed(1)},${y(ratePerSecond)}`);
  const words =
    history.length < 2
      ? 'No history yet'
      : `Last ${minutes < 2 ? `${history.length * 10} s` : `${minutes} min`}: at most ${formatRate(peak)} per second`;
  return (
    <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} className="h-5.5 w-full max-w-24" role="img" aria-label={words}>
      <title>{words}</title>
      <path d={`M0 ${HEIGHT - 1.5}H${WIDTH}`} className="stroke-seam" strokeWidth="1" />
      {points.length > 1 && (
        <polyline points={points.join(' ')} className="fill-none stroke-ink" strokeWidth="1.5" strokeLinejoin="round" />
      )}
    </svg>
  );
}
