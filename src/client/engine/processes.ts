import { execFileSync } from 'node:child_process';
import { readFileSync, readdirSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

/** A process that can be told from a later one with the same number. */
export interface ProcessIdentity {
  pid: number;
  /** When it was started, in the system's own words; compared, never read. */
  started: string;
}

/** Whether what a file holds is the identity of a process: files are torn, emptied and edited. */
export const isIdentity = (value: unknown): value is ProcessIdentity =>
  typeof value === 'object' &&
  value !== null &&
  'pid' in value &&
  Number.isSafeInteger(value.pid) &&
  Number(value.pid) > 0 &&
  'started' in value &&
  typeof value.started === 'string' &&
  value.started !== '';

/** Who runs under a process number now; `null` when nobody does. */
export function identityOf(pid: number): ProcessIdentity | null {
  const started = process.platform === 'linux' ? startedOnLinux(pid) : startedByPs(pid);
  return started === null ? null : { pid, started };
}

/** Whether that very process still runs. */
export const isRunning = (of: ProcessIdentity): boolean => identityOf(of.pid)?.started === of.started;

/** Processes whose command line holds these words one after the other, with all of their command line. */
export function processesWith(words: string[]): { pid: number; line: string }[] {
  const lines = process.platform === 'linux' ? commandLinesOnLinux() : commandLinesByPs();
  return lines.filter(({ line }) => ` ${line} `.includes(` ${words.join(' ')} `));
}

/**
 * Ends a process that is not our child: SIGTERM, and SIGKILL when it is still there after the grace; ends when it is
 * gone. Does nothing to another process that took over the number.
 */
export async function endProcess(of: ProcessIdentity, graceMs: number): Promise<void> {
  const gone = async (withinMs: number): Promise<boolean> => {
    for (let waited = 0; isRunning(of); waited += 50) {
      if (waited >= withinMs) return false;
      await sleep(50);
    }
    return true;
  };
  for (const [signal, waitMs] of [
    ['SIGTERM', graceMs],
    ['SIGKILL', KILL_MS],
  ] as const) {
    if (!isRunning(of)) return;
    tell(of.pid, signal);
    if (await gone(waitMs)) return;
  }
}

/** One that the system holds in the middle of a write dies when that is over. */
const KILL_MS = 5000;

/** A signal to one that is just gone is no failure. */
function tell(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/** Field 22 of `/proc/PID/stat` (proc(5)), in clock ticks since the boot, with the boot's own name. */
function startedOnLinux(pid: number): string | null {
  try {
    const stat = readFileSync(`/proc/${String(pid)}/stat`, 'utf8');
    // The second field is the program's name in parentheses and may hold spaces and parentheses itself.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    if (fields[0] === 'Z') return null;
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
    return `${boot} ${fields[19] ?? ''}`;
  } catch {
    return null;
  }
}

function commandLinesOnLinux(): { pid: number; line: string }[] {
  return readdirSync('/proc').flatMap((name) => {
    if (!/^\d+$/.test(name)) return [];
    try {
      const line = readFileSync(`/proc/${name}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
      return line === '' ? [] : [{ pid: Number(name), line }];
    } catch {
      return [];
    }
  });
}

function startedByPs(pid: number): string | null {
  try {
    const line = ps(['-o', 'stat=,lstart=', '-p', String(pid)]).trim();
    return line === '' || line.startsWith('Z') ? null : line.replace(/^\S+\s+/, '');
  } catch {
    return null;
  }
}

function commandLinesByPs(): { pid: number; line: string }[] {
  return ps(['-axww', '-o', 'pid=,args='])
    .split('\n')
    .flatMap((text) => {
      const [, pid, line] = /^\s*(\d+)\s+(.*\S)/.exec(text) ?? [];
      return pid === undefined || line === undefined ? [] : [{ pid: Number(pid), line }];
    });
}

/** In one language and time zone: two processes compare what it says. */
const ps = (args: string[]): string =>
  execFileSync('/bin/ps', args, { encoding: 'utf8', env: { LC_ALL: 'C', TZ: 'UTC' } });
