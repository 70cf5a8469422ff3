// A message's way through the system, as a line with stops: across where there is room, down where there is none.

const STOPS = [
  { name: 'This page', text: 'sends the form with a key that makes it one order, however often it arrives.' },
  { name: 'Gateway', text: 'checks the token and every field, then puts the request on a queue.' },
  { name: 'Queue', text: 'orders.create: the broker hands the message to a free worker.' },
  { name: 'Worker', text: 'is one process for one message pattern, and sends one statement to the database.' },
  { name: 'Database', text: 'stores the order, and the reply travels back the same way.' },
] as const;

export function Journey() {
  return (
    <div className="relative mt-8">
      <div
        aria-hidden="true"
        className="track @container absolute top-[9px] left-0 hidden w-full overflow-x-clip overflow-y-visible md:block"
      >
        <span className="-top-[3px] absolute left-0 h-[9px] w-7 animate-travel rounded-full bg-amber ring-2 ring-ink [animation-duration:5s]" />
      </div>
      <ol className="relative grid gap-y-7 max-md:before:absolute max-md:before:top-2 max-md:before:bottom-6 max-md:before:left-[9px] max-md:before:w-[3px] max-md:before:bg-ink md:grid-cols-5 md:gap-x-6">
        {STOPS.map(({ name, text }) => (
          <li key={name} className="relative max-md:pl-10 md:pt-9">
            <span
              aria-hidden="true"
              className="lamp absolute top-0.5 left-0 size-[21px]! border-3! bg-board md:top-0"
            />
            <h3 className="text-xl">{name}</h3>
            <p className="mt-1 text-soft text-sm leading-snug">{text}</p>
          </li>
        ))}
      </ol>
    </div>
  );
}
