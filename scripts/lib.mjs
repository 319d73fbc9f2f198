// What the scripts share. They run before anything is installed: Node's own modules only.
import { spawn } from 'node:child_process';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The clone's folder. */
export const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** A step that did not succeed; `output` is what the failed command printed. */
export class StepError extends Error {
  constructor(message, output = '') {
    super(message);
    this.output = output;
  }
}

/** Runs a command and collects what it prints. Throws a {@link StepError} unless it exits with 0. */
export function run(command, args, { cwd = root } = {}) {
  return new Promise((done, fail) => {
    const child = spawn(command, args, { cwd, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    const collect = (chunk) => (output += chunk);
    child.stdout.setEncoding('utf8').on('data', collect);
    child.stderr.setEncoding('utf8').on('data', collect);
    child.once('error', (error) => fail(new StepError(`${command} could not be started: ${error.message}`)));
    child.once('close', (code, signal) => {
      if (code === 0) done(output);
      else fail(new StepError(`${[command, ...args].join(' ')} ended with ${signal ?? code}`, output));
    });
  });
}

/** Seconds since `start` (of `performance.now()`), for a person. */
export const secondsSince = (start) => `${((performance.now() - start) / 1000).toFixed(1)} s`;

/** Prints an error and what led to it, and sets the exit status. */
export function report(error) {
  if (error instanceof StepError) console.error(`${error.output}\n${error.message}`.trim());
  else console.error(error);
  process.exitCode = 1;
}
