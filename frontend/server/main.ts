// Serves the built page on the loopback address until it is told to stop.
import { createServer } from 'node:http';
import { fileURLToPath } from 'node:url';
import { settings } from './settings';
import { site } from './site';

function start() {
  const { port, gateway } = settings(process.env);
  const server = createServer(site(fileURLToPath(new URL('../page', import.meta.url)), gateway));
  server.on('error', stop);
  server.listen(port, '127.0.0.1', () =>
    console.log(`serving the page on http://localhost:${port}, gateway ${gateway}`),
  );
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

try {
  start();
} catch (problem) {
  stop(problem);
}
