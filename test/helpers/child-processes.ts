import type { ChildProcess } from 'node:child_process';

const alive = new Set<ChildProcess>();

/** Ends the child with this process, however that ends: no process outlives a test. */
export function watched<T extends ChildProcess>(child: T): T {
  if (alive.size === 0) process.once('exit', killAll);
  alive.add(child);
  child.once('exit', () => {
    alive.delete(child);
    if (alive.size === 0) process.off('exit', killAll);
  });
  return child;
}

function killAll(): void {
  for (const child of alive) child.kill('SIGKILL');
}
