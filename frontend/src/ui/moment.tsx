// A point in time. Whoever points at it is told all of it: day, seconds, zone.
import { formatFull } from '../lib/format';

export function Moment({
  time,
  format,
  className,
}: {
  time: string;
  format: (time: string) => string;
  className?: string;
}) {
  return (
    <time dateTime={time} title={formatFull(time)} className={className}>
      {format(time)}
    </time>
  );
}
