// `npm run build`: compiles src/ into dist/ and bundles the workflows, as a worker loads them, and the page.
// Works in a folder of its own and puts it in place at one stroke: a program that runs, or a second build, is not
// disturbed half-way.
import { chmodSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { buildPage } from './build-page.mjs';
import { StepError, report, root, run } from './lib.mjs';
import { buildHash, checkNode } from './setup.mjs';

const dist = join(root, 'dist');

async function build() {
  checkNode();
  const hash = buildHash();
  // Beside `dist` and as deep: source maps name their sources relative to it.
  const folder = join(root, `dist.new-${process.pid}`);
  try {
    const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
    await run(process.execPath, [tsc, '-p', 'tsconfig.build.json', '--outDir', folder]);
    makeExecutable(join(folder, 'cli.js'));
    for (const [name, options] of bundlesOf(folder))
      writeFileSync(join(folder, name), await bundle(folder, options));
    await buildPage(folder);
    writeFileSync(join(folder, '.image-analysis-build'), hash);
    replaceDist(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function makeExecutable(cli) {
  if (!readFileSync(cli, 'utf8').startsWith('#!/usr/bin/env node\n')) {
    throw new StepError('src/cli.ts must begin with #!/usr/bin/env node: it is the program that npm links.');
  }
  chmodSync(cli, 0o755);
}

/** By name: what src/worker/workflow-bundle.ts loads with CODEC_KEYS_FILE, with OTEL_EXPORTER_OTLP_ENDPOINT, with both. */
function bundlesOf(folder) {
  const hidden = { failureConverterPath: join(folder, 'codec', 'failure-converter.js') };
  const traced = { workflowInterceptorModules: [join(folder, 'workflows', 'tracing.js')] };
  return [
    ['workflow-bundle.js', {}],
    ['workflow-bundle-hidden.js', hidden],
    ['workflow-bundle-traced.js', traced],
    ['workflow-bundle-hidden-traced.js', { ...hidden, ...traced }],
  ];
}

/**
 * The workflows and all that they import, in the one file that the worker's sandbox loads. The same sources give the same text: the name of the
 * temporary folder does not stay in it.
 */
async function bundle(folder, options = {}) {
  const { DefaultLogger, bundleWorkflowCode } = await import('@temporalio/worker');
  const workflowsPath = join(folder, 'workflows', 'index.js');
  const { code } = await bundleWorkflowCode({ ...options, workflowsPath, logger: new DefaultLogger('WARN') });
  return code.replaceAll(basename(folder), basename(dist));
}

function replaceDist(folder) {
  for (let tries = 0; ; tries++) {
    const old = join(root, `dist.old-${process.pid}-${tries}`);
    try {
      renameSync(dist, old);
    } catch (error) {
      if (error.code !== 'ENOENT') throw error;
    }
    try {
      renameSync(folder, dist);
      return;
    } catch (error) {
      // Another build was faster: its result makes room for this one.
      if (!['ENOTEMPTY', 'EEXIST'].includes(error.code) || tries > 10) throw error;
    } finally {
      rmSync(old, { recursive: true, force: true });
    }
  }
}

await build().catch(report);
