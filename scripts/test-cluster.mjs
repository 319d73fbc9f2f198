// `npm run test:cluster`: set-up and build, then the services of docker-compose.yml as processes of this machine, with
// a PostgreSQL and a Temporal server that are fetched and built once (test/cluster/parts.ts). `npm run test:cluster --
// ARGS` hands ARGS to vitest.
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { report, root } from './lib.mjs';
import { setUp } from './setup.mjs';

async function main(args) {
  await setUp();
  const vitest = join(root, 'node_modules', 'vitest', 'vitest.mjs');
  const child = spawn(
    process.execPath,
    [vitest, 'run', '--config', 'test/cluster/vitest.config.ts', ...args],
    {
      cwd: root,
      stdio: 'inherit',
    },
  );
  process.exitCode = await new Promise((done) => child.once('close', (code) => done(code ?? 1)));
}

await main(process.argv.slice(2)).catch(report);
