import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';

/** The program as it is built, serving its page. */
export interface PageServer {
  /** `http://127.0.0.1:N`, without a slash at the end. */
  url: string;
  pid: number;
  /** Memory that the process has now, in bytes (Linux). */
  residentBytes(): number;
  /** Most memory that the process has had so far, in bytes (Linux). */
  peakBytes(): number;
  /** Lets the peak begin anew at what is in use now. Without the right to (a container may lack it) it stays. */
  resetPeak(): void;
  close(): Promise<void>;
}

const START_MS = 30_000;

/** Starts `serve` in a folder, with an environment of its own and any free port. */
export async function startPageServer(options: {
  cwd: string;
  env: Record<string, string>;
  args?: string[];
  /** File of the program, by whose name its command lines call it; the one that was built by default. */
  program?: string;
}): Promise<PageServer> {
  const command = [
    options.program ?? resolve('dist/cli.js'),
    'serve',
    '--port',
    '0',
    ...(options.args ?? []),
  ];
  const child = spawn(process.execPath, command, {
    cwd: options.cwd,
    env: { PATH: process.env.PATH ?? '', HOME: process.env.HOME ?? '', ...options.env },
  });
  const kill = (): void => void child.kill('SIGKILL');
  process.once('exit', kill);
  const ended = new Promise<void>((done) => child.once('close', () => done()));
  const close = async (): Promise<void> => {
    process.off('exit', kill);
    child.kill('SIGTERM');
    const patience = setTimeout(kill, 10_000);
    await ended;
    clearTimeout(patience);
  };
  try {
    const url = await addressOf(child);
    const pid = child.pid ?? 0;
    return {
      url,
      pid,
      residentBytes: () => kilobytes(pid, 'VmRSS') * 1024,
      peakBytes: () => kilobytes(pid, 'VmHWM') * 1024,
      resetPeak: () => resetPeak(pid),
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

function addressOf(child: ChildProcess): Promise<string> {
  return new Promise((found, failed) => {
    let said = '';
    const timer = setTimeout(() => failed(new Error(`no address after ${START_MS} ms: ${said}`)), START_MS);
    const hear = (text: Buffer): void => {
      said += text.toString();
      const url = /http:\/\/(?:127\.0\.0\.1|localhost):\d+/.exec(said)?.[0];
      if (url === undefined) return;
      clearTimeout(timer);
      found(url);
    };
    child.stdout?.on('data', hear);
    child.stderr?.on('data', hear);
    child.once('close', (code) => {
      clearTimeout(timer);
      failed(new Error(`serve ended with ${code ?? 'a signal'}: ${said}`));
    });
  });
}

const kilobytes = (pid: number, field: string): number =>
  Number(new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);

function resetPeak(pid: number): void {
  try {
    writeFileSync(`/proc/${pid}/clear_refs`, '5');
  } catch {
    // Then what is measured is the highest since the start, which is stricter.
  }
}
