// `npm test`: set-up, the checks of the code, then the tests. `npm test -- ARGS` hands ARGS to vitest alone.
// Every failure is reported; the last line has the totals of the tests.
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { report, root, run, secondsSince } from './lib.mjs';
import { buildIsCurrent, setUp } from './setup.mjs';

const tool = (...path) => join(root, 'node_modules', ...path);

/** Each with its command for Node. Two at a time: that is what two cores carry. */
const CHECKS = [
  ['build', [join(root, 'scripts', 'build.mjs')]],
  ['lint', [tool('eslint', 'bin', 'eslint.js'), '.']],
  ['types', [tool('typescript', 'bin', 'tsc'), '--noEmit']],
  ['page', [tool('typescript', 'bin', 'tsc'), '--noEmit', '-p', join('src', 'web', 'app')]],
  ['format', [tool('prettier', 'bin', 'prettier.cjs'), '--check', '.']],
  ['knip', [tool('knip', 'bin', 'knip.js')]],
];
const AT_ONCE = 2;

async function main(args) {
  if (args.length > 0) {
    const needsBuild = !args.some((arg) => /\btest\/(unit|workflows)\b/.test(arg));
    await setUp({ build: needsBuild });
    return finish([], await vitest(args));
  }
  await setUp({ build: false });
  const failures = await check(CHECKS.filter(([name]) => name !== 'build' || !buildIsCurrent()));
  // The end-to-end tests run what is built: without a build each of them would fail for the same reason.
  const projects = failures.includes('build') ? ['--project=unit', '--project=workflows'] : [];
  finish(failures, await vitest(projects));
}

/** Runs the checks side by side, prints each as it ends with the output of those that failed, and names these. */
async function check(checks) {
  const failures = [];
  const queue = [...checks];
  const next = async () => {
    for (let item = queue.shift(); item !== undefined; item = queue.shift()) {
      const [name, command] = item;
      const start = performance.now();
      try {
        await run(process.execPath, command);
        console.log(`ok      ${name.padEnd(8)} ${secondsSince(start)}`);
      } catch (error) {
        failures.push(name);
        console.log(`FAILED  ${name.padEnd(8)} ${secondsSince(start)}\n${error.output}\n${error.message}\n`);
      }
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, next));
  return failures;
}

/** Runs vitest in the open and returns its totals and exit status. */
async function vitest(args) {
  const folder = mkdtempSync(join(tmpdir(), 'vitest-'));
  const file = join(folder, 'report.json');
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${file}`];
  const child = spawn(process.execPath, [tool('vitest', 'vitest.mjs'), 'run', ...reporters, ...args], {
    cwd: root,
    stdio: 'inherit',
  });
  const code = await new Promise((done) => child.once('close', done));
  try {
    return { code, totals: totalsOf(JSON.parse(readFileSync(file, 'utf8'))) };
  } catch {
    return { code, totals: { passed: 0, failed: 1, skipped: 0 } };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** A file that could not be loaded has no test to count, and counts as one that failed. */
function totalsOf({ testResults }) {
  const totals = { passed: 0, failed: 0, skipped: 0 };
  for (const { status, assertionResults } of testResults) {
    if (status === 'failed' && !assertionResults.some((test) => test.status === 'failed')) totals.failed++;
    for (const { status: outcome } of assertionResults) totals[outcome in totals ? outcome : 'skipped']++;
  }
  return totals;
}

function finish(failures, { code, totals }) {
  if (failures.length > 0) console.log(`failed besides the tests: ${failures.join(', ')}`);
  const { passed, failed, skipped } = totals;
  console.log(`${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`);
  process.exitCode = failures.length > 0 || code !== 0 || failed > 0 ? 1 : 0;
}

await main(process.argv.slice(2)).catch(report);
