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
  /** Asks it to end, waits for that as long as `graceMs`, then kills it. */
  stop(graceMs: number): Promise<void>;
}

export interface KeepOptions {
  cwd: string;
  /** File to which its output is appended. */
  log: string;
  /** Told of each process that runs, so that a successor of ours can end it. */
  onStart?: (identity: ProcessIdentity) => void;
  onExit?: (how: string, restartMs: number) => void;
}

/** Waits between a death and the next start; back to the first after a life of a minute. */
const RESTART_MS = [1000, 2000, 4000, 8000, 16_000, 30_000];
const HEALTHY_LIFE_MS = 60_000;

/**
 * Keeps a program running. Its standard input is a pipe that ends when this process dies, however it dies, so that a
 * program which watches it does not outlive its keeper.
 */
export function keepRunning(command: Command, options: KeepOptions): KeptProcess {
  let stopping = false;
  let deaths = 0;
  let timer: NodeJS.Timeout | null = null;
  let child: ChildProcess | null = null;
  let ended: Promise<void> = Promise.resolve();

  const start = (): void => {
    const output = openSync(options.log, 'a', 0o600);
    const born = Date.now();
    const started = spawn(command.file, command.args, {
      cwd: options.cwd,
      env: command.env,
      stdio: ['pipe', output, output],
    });
    closeSync(output);
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
        deaths = Date.now() - born > HEALTHY_LIFE_MS ? 1 : deaths + 1;
        const wait = RESTART_MS[Math.min(deaths, RESTART_MS.length) - 1] ?? 0;
        options.onExit?.(how, wait);
        timer = setTimeout(start, wait);
      };
      started.on('error', (error) => over(error.message));
      started.on('exit', (code, signal) => over(signal === null ? `status ${String(code)}` : signal));
    });
  };

  start();
  return {
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
