import { mkdirSync, statSync } from 'node:fs';
import { dirname } from 'node:path';

/**
 * Makes a folder and those above it. `mode`: who may enter those that are made. Not by `mkdir` with `recursive`, which never ends where
 * the system makes no folder and says ENOENT for it, as Linux does below `/proc` (seen in Node 20). Throws the system's
 * error.
 */
export function makeFolder(folder: string, mode = 0o777): void {
  make(folder, mode, true);
}

function make(folder: string, mode: number, above: boolean): void {
  try {
    mkdirSync(folder, { mode });
  } catch (error) {
    const parent = dirname(folder);
    if (above && (error as NodeJS.ErrnoException).code === 'ENOENT' && parent !== folder) {
      make(parent, mode, true);
      make(folder, mode, false);
    } else if (statSync(folder, { throwIfNoEntry: false })?.isDirectory() !== true) throw error;
  }
}
