// The picture of the start page: one line that branches to many lamps, with messages on their way.

const TRACKS = [
  { y: 30, name: 'users.register', lamps: 1 },
  { y: 90, name: 'users.login', lamps: 2 },
  { y: 150, name: 'orders.create', lamps: 4 },
  { y: 210, name: 'orders.list', lamps: 2 },
  { y: 270, name: 'orders.get', lamps: 1 },
] as const;

const IN = 150;
const BEND = 84;
const END = 372;
const way = (y: number) => `M0 ${IN}H${BEND}L${BEND + Math.abs(y - IN) * 0.55} ${y}H${END}`;

export function Junction() {
  return (
    <svg viewBox="0 0 460 300" className="w-full max-w-xl" aria-hidden="true">
      {TRACKS.map(({ y, name, lamps }) => (
        <g key={name}>
          <path d={way(y)} className="fill-none stroke-ink" strokeWidth="3" strokeLinejoin="round" />
          <text x={232} y={y - 9} className="fill-soft font-medium font-plate text-[15px]">
            {name}
          </text>
          {Array.from({ length: lamps }, (_, lamp) => (
            <circle
              key={`${name}-${lamp + 1}`}
              cx={END + 8 + lamp * 21}
              cy={y}
              r="8"
              className="fill-clear stroke-ink"
              strokeWidth="2.5"
            />
          ))}
        </g>
      ))}
      {TRACKS.map(({ y, name }, number) => (
        <rect
          key={name}
          x="-13"
          y="-5"
          width="26"
          height="10"
          rx="5"
          strokeWidth="2"
          className="animate-ride fill-amber stroke-ink"
          style={{ offsetPath: `path("${way(y)}")`, animationDelay: `${-((number * 7) % 5) * 1.1}s` }}
        />
      ))}
      <circle cx={BEND - 6} cy={IN} r="10" className="fill-board stroke-ink" strokeWidth="3" />
    </svg>
  );
}
