// Serves the built page on the loopback address until it is told to stop.
import { createServer } from 'node:http';
import { fileURLToPath } from 'node:url';
import { startPages } from '../src/start';
import { settings } from './settings';
import { site } from './site';

/** Bounds for those who connect and say little. */
const LIMITS = { headersTimeout: 10_000, requestTimeout: 20_000, keepAliveTimeout: 15_000, maxHeaderSize: 16_384 };
const MOST_CONNECTIONS = 1_024;

async function start() {
  const { port, gateway } = settings(process.env);
  const directory = fileURLToPath(new URL('../page', import.meta.url));
  const server = createServer(LIMITS, site(directory, gateway, await startPages(gateway)));
  server.maxConnections = MOST_CONNECTIONS;
  server.once('error', stop);
  server.listen(port, '127.0.0.1', () => {
    server.off('error', stop);
    // A connection that cannot be taken, for want of descriptors say, costs only itself.
    server.on('error', (problem) => console.error(problem.message));
    console.log(`serving the page on http://localhost:${port}, gateway ${gateway}`);
  });
  // Both stop it; what is being answered is finished first.
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.once(signal, () => {
      server.close();
      server.closeIdleConnections();
    });
  }
}

function stop(problem: unknown) {
  console.error(problem instanceof Error ? problem.message : problem);
  process.exit(64);
}

start().catch(stop);
