/**
 * A supervisor in a process of its own, with a stub in the worker's place: `supervisor.ts DATA_DIR TEMPORAL
 * NAME=VALUE…`. The stub writes `start PID` and `end PID` to `DATA_DIR/stub.txt`.
 */
import { join } from 'node:path';
import { databaseOf } from '../../../src/client/engine/database.ts';
import { serverArguments } from '../../../src/client/engine/server.ts';
import { supervise } from '../../../src/client/engine/supervisor.ts';
import { createLogger } from '../../../src/logger.ts';

const [, , dataDir = '', temporal = '', ...pairs] = process.argv;
const settingsGiven: Record<string, string> = Object.fromEntries(
  pairs.map((pair): [string, string] => [pair.split('=')[0] ?? '', pair.split('=')[1] ?? '']),
);

const stub = `
  const { appendFileSync } = require('node:fs');
  const say = (what) => appendFileSync(process.argv[1], what + ' ' + process.pid + '\\n');
  say('start');
  const end = () => { say('end'); process.exit(0); };
  process.on('SIGTERM', () => setTimeout(end, 300));
  process.stdin.on('close', end).resume();`;

const controller = new AbortController();
process.on('SIGTERM', () => controller.abort());
const outcome = await supervise(
  {
    dataDir,
    namespace: 'default',
    demo: false,
    retentionDays: Number(settingsGiven.RETENTION_DAYS ?? 30),
    settings: () => settingsGiven,
    commands: (ports) => ({
      server: {
        file: temporal,
        args: serverArguments(ports, databaseOf(dataDir)),
        env: process.env,
      },
      simulator: null,
      worker: { file: process.execPath, args: ['-e', stub, join(dataDir, 'stub.txt')], env: process.env },
    }),
  },
  {
    logger: createLogger({ level: 'info', destination: process.stdout, pretty: false }),
    signal: controller.signal,
  },
);
process.stdout.write(`${outcome}\n`, () => process.exit(0));
