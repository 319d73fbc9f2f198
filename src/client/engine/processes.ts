import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

/** A process that can be told from a later one with the same number. */
export interface ProcessIdentity {
  pid: number;
  /** When it was started, in the system's own words; compared, never read. */
  started: string;
}

/** Who runs under a process number now; `null` when nobody does. */
export function identityOf(pid: number): ProcessIdentity | null {
  const started = process.platform === 'linux' ? startedOnLinux(pid) : startedByPs(pid);
  return started === null ? null : { pid, started };
}

/** Whether that very process still runs. */
export const isRunning = (of: ProcessIdentity): boolean => identityOf(of.pid)?.started === of.started;

/**
 * Ends a process that is not our child: SIGTERM, and SIGKILL when it is still there after the grace.
 * Does nothing to another process that took over the number.
 */
export async function endProcess(of: ProcessIdentity, graceMs: number): Promise<void> {
  if (!isRunning(of)) return;
  process.kill(of.pid, 'SIGTERM');
  for (let waited = 0; waited < graceMs; waited += 50) {
    await sleep(50);
    if (!isRunning(of)) return;
  }
  if (isRunning(of)) process.kill(of.pid, 'SIGKILL');
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

function startedByPs(pid: number): string | null {
  try {
    const line = execFileSync('ps', ['-o', 'stat=,lstart=', '-p', String(pid)], { encoding: 'utf8' }).trim();
    return line === '' || line.startsWith('Z') ? null : line.replace(/^\S+\s+/, '');
  } catch {
    return null;
  }
}
