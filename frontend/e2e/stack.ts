// Starts the whole system for the tests in a browser, as `process-compose up` does, on free ports and data of its own.
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { closeSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { TestProject } from 'vitest/node';
import { OUTPUT, REPOSITORY, type Stack, until } from './tools';

declare module 'vitest' {
  interface ProvidedContext {
    stack: Stack;
  }
}

/** What is different from the defaults, so that the tests need not wait or can see the server's own refusals. */
const SETTINGS = { USERS_TOKEN_TTL_S: '15', USERS_PASSWORD_MIN_LENGTH: '12' };

export default async function setup(project: TestProject) {
  rmSync(OUTPUT, { recursive: true, force: true });
  mkdirSync(OUTPUT, { recursive: true });
  const data = mkdtempSync(join(tmpdir(), 'page-tests-'));
  const environment: Record<string, string> = {
    ...surroundings(),
    ...(await ports()),
    ...SETTINGS,
    DATA_DIR: data,
    ENV_FILE: '/dev/null',
  };
  const stack = { environment, logs: join(data, 'logs') };
  const log = join(OUTPUT, 'stack.log');
  const up = start(environment, log);
  const kill = () => up.kill('SIGTERM');
  process.once('exit', kill);
  try {
    const served = () => {
      if (up.exitCode !== null) throw new Error(`process-compose ended:\n${readFileSync(log, 'utf8').slice(-3000)}`);
      return Promise.all([
        answers(`http://127.0.0.1:${environment.PORT_GATEWAY_ADMIN}/readyz`),
        answers(`http://127.0.0.1:${environment.PORT_FRONTEND}/`),
      ]).then((all) => all.every(Boolean));
    };
    await until('the system served', served, 300_000);
  } catch (problem) {
    await stop(up, environment);
    throw problem;
  }
  project.provide('stack', stack);
  return async () => {
    await stop(up, environment);
    process.off('exit', kill);
    rmSync(data, { recursive: true, force: true });
  };
}

function start(environment: NodeJS.ProcessEnv, log: string): ChildProcess {
  const file = openSync(log, 'w');
  const up = spawn('bash', ['-c', '. scripts/env && exec process-compose up -t=false'], {
    cwd: REPOSITORY,
    env: environment,
    stdio: ['ignore', file, file],
  });
  closeSync(file);
  return up;
}

async function stop(up: ChildProcess, env: NodeJS.ProcessEnv) {
  if (up.exitCode !== null) return;
  const ended = new Promise((resolve) => up.once('exit', resolve));
  const down = promisify(execFile)('bash', ['-c', '. scripts/env && exec process-compose down'], {
    cwd: REPOSITORY,
    env,
  });
  await down.catch(() => up.kill('SIGTERM'));
  const late = setTimeout(() => up.kill('SIGKILL'), 40_000);
  await ended;
  clearTimeout(late);
}

/** Only what finding and running programs takes: no setting of the surroundings reaches what is tested. */
function surroundings(): Record<string, string> {
  const names = [
    'PATH',
    'HOME',
    'LANG',
    'TMPDIR',
    'USER',
    'IN_NIX_SHELL',
    'CARGO_HOME',
    'RUSTUP_HOME',
    'CARGO_TARGET_DIR',
  ];
  const known = [...names, 'GOPATH', 'GOBIN', 'BIN_DIR', 'PAGE_DIR'].map((name) => [name, process.env[name] ?? '']);
  return Object.fromEntries(known.filter(([, value]) => value));
}

/** Free ports below those that the system gives to outgoing connections. The broker takes two more, far above its own. */
async function ports(): Promise<Record<string, string>> {
  const names = ['FRONTEND', 'GATEWAY', 'GATEWAY_ADMIN', 'AMQP_UI', 'USERS_DB', 'ORDERS_DB'];
  const found: Record<string, string> = {};
  let next = 17_000 + Math.floor(Math.random() * 4_000);
  for (const name of names) {
    while (!(await isFree(next))) next += 1;
    found[`PORT_${name}`] = String(next++);
  }
  let broker = 9_000 + Math.floor(Math.random() * 2_500);
  while (!(await Promise.all([0, 20_000, 21_000].map((above) => isFree(broker + above)))).every(Boolean)) broker += 1;
  return { ...found, PORT_AMQP: String(broker) };
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}

const answers = (url: string) =>
  fetch(url).then(
    ({ ok }) => ok,
    () => false,
  );
