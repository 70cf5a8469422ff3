// What the server is told by its environment.

export interface Settings {
  /** Where the page is served, on the loopback address. */
  port: number;
  /** The gateway's origin, as the browser reaches it. */
  gateway: string;
}

/** Reads the settings; throws a sentence that names the variable at fault. */
export function settings(environment: Record<string, string | undefined>): Settings {
  const port = environment.PORT_FRONTEND || '3000';
  if (!/^[1-9]\d{0,4}$/.test(port) || Number(port) > 65_535) {
    throw new Error(`PORT_FRONTEND=${port} is not a port number: give one from 1 to 65535, for example 3000.`);
  }
  const address = environment.FRONTEND_GATEWAY_URL || `http://localhost:${environment.PORT_GATEWAY || '3003'}`;
  return { port: Number(port), gateway: origin(address) };
}

// Only an origin: the address goes into a header and into HTML.
function origin(address: string): string {
  const url = URL.canParse(address) ? new URL(address) : undefined;
  if (url && /^https?:$/.test(url.protocol) && [url.origin, `${url.origin}/`].includes(address)) return url.origin;
  throw new Error(
    `FRONTEND_GATEWAY_URL=${address} is no origin: give scheme, host and port, as http://localhost:3003.`,
  );
}
