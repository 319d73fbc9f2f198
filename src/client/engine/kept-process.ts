import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { identityOf, type ProcessIdentity } from './processes.ts';

/** A program to run, as data. */
export interface Command {
  file: string;
  args: string[];
  env: Record<string, string | undefined>;
}

/** A process that is started again whenever it dies, until it is stopped. */
export interface KeptProcess {
  /** It has died again and again, and is not known to live now. */
  failing(): boolean;
  /** Asks it to end, waits for that as long as `graceMs`, then kills it. */
  stop(graceMs: number): Promise<void>;
}

export interface KeepOptions {
  cwd: string;
  /** File to which its output is appended; where that cannot be opened its output is lost. */
  log: string;
  /** Called before each start; what it throws counts as a death. */
  beforeStart?: () => void;
  /** Told of each process that runs, so that a successor of ours can end it. */
  onStart?: (identity: ProcessIdentity) => void;
  onExit?: (how: string, restartMs: number) => void;
}

/** Waits between a death and the next start; back to the first after a life of a minute. */
const RESTART_MS = [1000, 2000, 4000, 8000, 16_000, 30_000];
const HEALTHY_LIFE_MS = 60_000;
/** After so many deaths in a row it is told, until one has lived for so long. */
const FAILING_DEATHS = 3;
const STARTED_MS = 10_000;

/**
 * Keeps a program running. Its standard input is a pipe that ends when this process dies, however it dies, so that a
 * program which watches it does not outlive its keeper.
 */
export function keepRunning(command: Command, options: KeepOptions): KeptProcess {
  let stopping = false;
  let deaths = 0;
  let timer: NodeJS.Timeout | null = null;
  let born = 0;
  let child: ChildProcess | null = null;
  let ended: Promise<void> = Promise.resolve();

  const again = (how: string): void => {
    deaths = Date.now() - born > HEALTHY_LIFE_MS ? 1 : deaths + 1;
    const wait = RESTART_MS[Math.min(deaths, RESTART_MS.length) - 1] ?? 0;
    options.onExit?.(how, wait);
    timer = setTimeout(start, wait);
  };
  const start = (): void => {
    born = Date.now();
    let started: ChildProcess;
    try {
      options.beforeStart?.();
      started = spawnLogged(command, options);
    } catch (error) {
      return again(error instanceof Error ? error.message : String(error));
    }
    child = started;
    const identity = started.pid === undefined ? null : identityOf(started.pid);
    if (identity !== null) options.onStart?.(identity);
    // A write is never made; the pipe's breaking says nothing that its exit does not.
    started.stdin?.on('error', () => undefined);
    ended = new Promise((resolve) => {
      const over = (how: string): void => {
        if (child !== started) return;
        child = null;
        resolve();
        if (stopping) return;
        again(how);
      };
      started.on('error', (error) => over(error.message));
      started.on('exit', (code, signal) => over(signal === null ? `status ${String(code)}` : signal));
    });
  };

  start();
  return {
    failing: () => deaths >= FAILING_DEATHS && (child === null || Date.now() - born < STARTED_MS),
    async stop(graceMs) {
      stopping = true;
      if (timer !== null) clearTimeout(timer);
      const running = child;
      if (running === null) return;
      running.kill('SIGTERM');
      const kill = setTimeout(() => running.kill('SIGKILL'), graceMs);
      await ended;
      clearTimeout(kill);
    },
  };
}

function spawnLogged(command: Command, options: KeepOptions): ChildProcess {
  const output = openedLog(options.log);
  try {
    return spawn(command.file, command.args, {
      cwd: options.cwd,
      env: command.env,
      stdio: ['pipe', output ?? 'ignore', output ?? 'ignore'],
    });
  } finally {
    if (output !== null) closeSync(output);
  }
}

function openedLog(path: string): number | null {
  try {
    return openSync(path, 'a', 0o600);
  } catch {
    return null;
  }
}
