// Reads server-sent events from text that comes in pieces, by the rules of the HTML standard.

export interface ServerEvent {
  event: string;
  data: string;
}

interface Listener {
  /** An id holds from its block on, whether that has data or not. */
  onId: (id: string) => void;
  onEvent: (event: ServerEvent) => void;
}

/** Returns what takes the next piece. Pieces may end anywhere; what is after the last line end waits for the next. */
export function eventStream({ onId, onEvent }: Listener): (piece: string) => void {
  let rest = '';
  let block: { id?: string; event?: string; data: string[] } = { data: [] };

  const finish = () => {
    const { id, event = 'message', data } = block;
    block = { data: [] };
    if (id !== undefined) onId(id);
    if (data.length > 0) onEvent({ event: event || 'message', data: data.join('\n') });
  };
  const take = (line: string) => {
    const [, field, value = ''] = /^([^:]*)(?:: ?(.*))?$/s.exec(line) ?? [];
    if (line === '') finish();
    else if (field === 'data') block.data.push(value);
    else if (field === 'event') block.event = value;
    else if (field === 'id' && !value.includes('\0')) block.id = value;
  };
  return (piece) => {
    // A CR at the end may be half of a line end.
    const lines = (rest + piece).split(/\r\n|\n|\r(?!$)/);
    rest = lines.pop() ?? '';
    lines.forEach(take);
  };
}
