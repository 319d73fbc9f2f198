// `npm start`: set-up when it is needed, then the program, in this process (signals and the terminal are its own).
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { report, root } from './lib.mjs';
import { setUp } from './setup.mjs';

try {
  await setUp();
  const cli = join(root, 'dist', 'cli.js');
  process.argv[1] = cli;
  await import(pathToFileURL(cli).href);
} catch (error) {
  report(error);
}
