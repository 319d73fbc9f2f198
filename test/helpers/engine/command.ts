/**
 * One of several commands that use an engine: `command.ts DATA_DIR TEMPORAL AT` opens it at the time AT, prints
 * the server's address and holds the engine until its input ends.
 */
import { once } from 'node:events';
import { openEngine } from '../../../src/client/engine/open-engine.ts';
import { stubEngine } from './kit.ts';

const [, , dataDir = '', temporal = '', at = '0'] = process.argv;
while (Date.now() < Number(at));
try {
  const engine = await openEngine(stubEngine(dataDir, temporal));
  process.stdout.write(`${engine.address}\n`);
  process.stdin.resume();
  await once(process.stdin, 'end');
  await engine.release();
} catch (error) {
  process.stdout.write(`${String(error)}\n`);
}
process.exit(0);
