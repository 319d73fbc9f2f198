import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, openSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { watched } from '../helpers/child-processes.ts';

/** What a container runs: a process with the whole of its environment. */
export interface Program {
  argv: readonly [string, ...string[]];
  env: Readonly<Record<string, string>>;
  cwd: string;
  /** User and group, where they are not this process's own. */
  uid?: number | undefined;
  /** As the image has it: what a stop sends first. */
  stopSignal: NodeJS.Signals;
}

/** A process in place of a container, with Docker's ways of restarting and stopping it. */
export interface Container {
  name: string;
  /** Its own, of 127.0.0.0/8. */
  address: string;
  /** Starts it; nothing when it runs. */
  start(): void;
  /** SIGKILL, which its restart policy does not make good: `start` does. Resolves when it is gone. */
  kill(): Promise<void>;
  /** `docker stop`: its stop signal, and SIGKILL when its grace period is over. */
  stop(): Promise<{ code: number | null; signal: NodeJS.Signals | null; ms: number }>;
  /** The exit status with which it ended for good. */
  ended: Promise<number>;
  running(): boolean;
  /** How often its restart policy has started it again. */
  restarts(): number;
  /** What it has printed so far. */
  log(): string;
}

/** Docker's own: the first wait before a restart, which doubles, and how long it must run until that is forgotten. */
const FIRST_WAIT_MS = 100;
const SETTLED_MS = 10_000;

export function createContainer(options: {
  name: string;
  address: string;
  program: Program;
  /** Compose's `restart`. */
  restart: string;
  graceMs: number;
  logFile: string;
}): Container {
  const { name, address, program, restart, graceMs, logFile } = options;
  let child: ChildProcess | null = null;
  let gone: Promise<unknown> = Promise.resolve();
  /** Nobody took it down. */
  let wanted = false;
  let restarts = 0;
  let fails = 0;
  let finish: (code: number) => void = () => {};
  const ended = new Promise<number>((done) => (finish = done));

  const launch = (): void => {
    const began = performance.now();
    const started = startProgram(program, logFile);
    child = started;
    gone = once(started, 'exit').then(async () => {
      child = null;
      const code = started.exitCode ?? 137;
      if (!wanted) return;
      if (!isAgain(restart, code, restarts)) {
        wanted = false;
        finish(code);
        return;
      }
      fails = performance.now() - began > SETTLED_MS ? 0 : fails + 1;
      await sleep(FIRST_WAIT_MS * 2 ** Math.min(fails, 6), undefined, { ref: false });
      if (!wanted || child !== null) return;
      restarts += 1;
      launch();
    });
  };

  return {
    name,
    address,
    ended,
    running: () => child !== null,
    restarts: () => restarts,
    log: () => (existsSync(logFile) ? readFileSync(logFile, 'utf8') : ''),
    start() {
      wanted = true;
      if (child === null) launch();
    },
    async kill() {
      wanted = false;
      child?.kill('SIGKILL');
      await gone;
    },
    async stop() {
      wanted = false;
      const stopped = child;
      if (stopped === null) return { code: null, signal: null, ms: 0 };
      const began = performance.now();
      stopped.kill(program.stopSignal);
      const patience = setTimeout(() => stopped.kill('SIGKILL'), graceMs);
      await gone;
      clearTimeout(patience);
      return {
        code: stopped.exitCode,
        signal: stopped.signalCode,
        ms: Math.round(performance.now() - began),
      };
    },
  };
}

function isAgain(policy: string, code: number, restarts: number): boolean {
  if (policy === 'always' || policy === 'unless-stopped') return true;
  const [, most = ''] = /^on-failure(?::(\d+))?$/.exec(policy) ?? [];
  return policy.startsWith('on-failure') && code !== 0 && (most === '' || restarts < Number(most));
}

/** Runs a program once, beside what runs already: `docker compose exec`. */
export async function execute(
  program: Program,
  timeoutMs: number,
): Promise<{ code: number | null; out: string; err: string }> {
  const [file, ...args] = program.argv;
  const child = watched(
    spawn(file, args, { cwd: program.cwd, env: program.env, stdio: ['ignore', 'pipe', 'pipe'] }),
  );
  let out = '';
  let err = '';
  child.stdout.on('data', (text: Buffer) => (out += text.toString()));
  child.stderr.on('data', (text: Buffer) => (err += text.toString()));
  const patience = setTimeout(() => child.kill('SIGKILL'), timeoutMs);
  try {
    const [code] = (await once(child, 'close')) as [number | null];
    return { code, out, err };
  } finally {
    clearTimeout(patience);
  }
}

function startProgram({ argv, env, cwd, uid }: Program, logFile: string): ChildProcess {
  const [file, ...args] = argv;
  const log = openSync(logFile, 'a');
  const child = spawn(file, args, {
    cwd,
    env,
    stdio: ['ignore', log, log],
    ...(uid === undefined ? {} : { uid, gid: uid }),
  });
  closeSync(log);
  child.once('error', () => child.emit('exit', 127, null));
  return watched(child);
}
