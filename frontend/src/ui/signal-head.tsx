// A signal with three lamps, one of them lit.

export type Aspect = 'clear' | 'caution' | 'stop';

const LAMPS: readonly { aspect: Aspect; y: number; fill: string }[] = [
  { aspect: 'clear', y: 15, fill: 'fill-clear' },
  { aspect: 'caution', y: 36, fill: 'fill-amber' },
  { aspect: 'stop', y: 57, fill: 'fill-stop' },
];

export function SignalHead({ aspect }: { aspect: Aspect }) {
  return (
    <svg viewBox="0 0 30 104" className="h-26 w-7.5 flex-none" aria-hidden="true">
      <path d="M15 70v32M5 102.5h20" className="stroke-ink" strokeWidth="3" />
      <rect x="1.5" y="1.5" width="27" height="69" rx="13.5" className="fill-plate stroke-ink" strokeWidth="3" />
      {LAMPS.map((lamp) => (
        <circle
          key={lamp.aspect}
          cx="15"
          cy={lamp.y}
          r="7.5"
          strokeWidth="2.5"
          className={lamp.aspect === aspect ? `${lamp.fill} stroke-ink` : 'fill-none stroke-seam'}
        />
      ))}
    </svg>
  );
}
