import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';

/** What a worker process took. */
export interface WorkerUsage {
  peakBytes: number;
  cpuMs: number;
}

/** Worker processes of one run, as they are built. */
export interface Workers {
  /** Starts one more. */
  add(): void;
  /** Ends the oldest at once, as the kernel does when memory is short. */
  kill(): void;
  /** Identities by which those that live poll. */
  identities(): string[];
  /** Of every process that there was, up to now or to its end. */
  usage(): WorkerUsage[];
  close(): Promise<void>;
}

export function createWorkers(folder: string, settings: Readonly<Record<string, string>>): Workers {
  const running: ChildProcess[] = [];
  const ended: WorkerUsage[] = [];
  return {
    add() {
      running.push(
        spawn(process.execPath, [resolve('dist/cli.js'), 'worker'], {
          cwd: folder,
          env: { ...process.env, ...settings },
          stdio: ['ignore', 'inherit', 'inherit'],
        }),
      );
    },
    kill() {
      const oldest = running.shift();
      if (oldest === undefined) return;
      ended.push(usageOf(oldest));
      oldest.kill('SIGKILL');
    },
    identities: () => running.map(({ pid }) => `${String(pid)}@`),
    usage: () => [...ended, ...running.map(usageOf)],
    async close() {
      await Promise.all(
        running.map(async (worker) => {
          if (worker.exitCode !== null) return;
          worker.kill('SIGTERM');
          await once(worker, 'close');
        }),
      );
    },
  };
}

/** Peak memory and processor time of a process, as Linux tells them. */
function usageOf(child: ChildProcess): WorkerUsage {
  const stat = readFileSync(`/proc/${String(child.pid)}/stat`, 'utf8');
  const [, fields = ''] = stat.split(') ');
  const values = fields.split(' ').map(Number);
  // Fields 14 and 15 of proc(5) `stat`, in ticks of a hundredth of a second; the state is field 3.
  const ticks = (values[11] ?? 0) + (values[12] ?? 0);
  return { peakBytes: memoryOf(child.pid ?? 0)?.peakBytes ?? 0, cpuMs: ticks * 10 };
}

/** Resident memory of a process now and at most, as Linux tells it; `null` when it has ended. */
export function memoryOf(pid: number): { bytes: number; peakBytes: number } | null {
  try {
    const status = readFileSync(`/proc/${String(pid)}/status`, 'utf8');
    const of = (name: string): number =>
      Number(new RegExp(`${name}:\\s+(\\d+)`).exec(status)?.[1] ?? 0) * 1024;
    return { bytes: of('VmRSS'), peakBytes: of('VmHWM') };
  } catch {
    return null;
  }
}
