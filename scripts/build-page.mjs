// Bundles the page's application (src/web/app) into `<folder>/page`: `node scripts/build-page.mjs <folder>`, and a part
// of `npm run build`. Names of files in `page/assets` change with their content and may be kept for ever; `index.html`
// may not.
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join, relative } from 'node:path';
import { pathToFileURL } from 'node:url';
import { brotliCompressSync } from 'node:zlib';
import { StepError, report, root } from './lib.mjs';

const APP = join(root, 'src', 'web', 'app');

/** The most that opening any page may load, compressed, before the first picture. */
export const FIRST_LOAD_BYTES = 200_000;

/**
 * Writes `<folder>/page` anew and returns what opening each page loads, compressed, in bytes, most first. Throws a
 * {@link StepError} where that is more than {@link FIRST_LOAD_BYTES}.
 */
export async function buildPage(folder) {
  const { build } = await import('esbuild');
  const page = join(folder, 'page');
  rmSync(page, { recursive: true, force: true });
  const { metafile } = await build({
    absWorkingDir: root,
    entryPoints: {
      main: join(APP, 'main.tsx'),
      app: join(APP, 'styles', 'app.css'),
      icon: join(APP, 'icon.svg'),
    },
    tsconfig: join(APP, 'tsconfig.json'),
    loader: { '.svg': 'copy' },
    outdir: join(page, 'assets'),
    entryNames: '[name]-[hash]',
    chunkNames: '[name]-[hash]',
    assetNames: '[name]-[hash]',
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'browser',
    target: 'es2022',
    jsx: 'automatic',
    jsxImportSource: 'preact',
    minify: true,
    legalComments: 'none',
    metafile: true,
    logLevel: 'silent',
  }).catch((error) => {
    throw new StepError(`The page could not be bundled: ${error.message}`);
  });
  mkdirSync(page, { recursive: true });
  writeFileSync(join(page, 'index.html'), indexHtml(metafile));
  const loads = firstLoads(metafile, page);
  const [most] = loads;
  if (most.bytes > FIRST_LOAD_BYTES) {
    throw new StepError(
      `Opening ${most.page} loads ${most.bytes} bytes compressed; ${FIRST_LOAD_BYTES} are the most.`,
    );
  }
  return loads;
}

/** `index.html` with the names that its files got. */
function indexHtml(metafile) {
  let html = readFileSync(join(APP, 'index.html'), 'utf8');
  for (const [wanted, entry] of [
    ['main.js', 'main.tsx'],
    ['app.css', 'styles/app.css'],
    ['icon.svg', 'icon.svg'],
  ]) {
    const name = `/assets/${basename(outputOf(metafile, join(APP, entry)))}`;
    html = html.replace(`/assets/${wanted}`, () => name);
  }
  return html;
}

/** Path of what a source file was made into; a copied file is no entry point, and is known by what it was made from. */
function outputOf(metafile, source) {
  const wanted = relative(root, source).replaceAll('\\', '/');
  const found = Object.entries(metafile.outputs).find(
    ([, { entryPoint, inputs }]) => entryPoint === wanted || (entryPoint === undefined && wanted in inputs),
  );
  if (found === undefined) throw new StepError(`The bundle has no ${wanted}.`);
  return found[0];
}

/** For each page that is loaded when it is opened: its code, the shell's, what both import, the styles and the HTML. */
function firstLoads(metafile, page) {
  const main = outputOf(metafile, join(APP, 'main.tsx'));
  const styles = outputOf(metafile, join(APP, 'styles', 'app.css'));
  const imported = (path, seen = new Set()) => {
    if (seen.has(path)) return seen;
    seen.add(path);
    for (const { path: next, kind } of metafile.outputs[path].imports)
      if (kind === 'import-statement') imported(next, seen);
    return seen;
  };
  const sizes = new Map();
  const size = (path) => {
    if (!sizes.has(path)) sizes.set(path, brotliCompressSync(readFileSync(path)).length);
    return sizes.get(path);
  };
  const shell = [
    join(page, 'index.html'),
    join(root, styles),
    ...[...imported(main)].map((path) => join(root, path)),
  ];
  return metafile.outputs[main].imports
    .filter(({ kind }) => kind === 'dynamic-import')
    .map(({ path }) => {
      const files = new Set([...shell, ...[...imported(path)].map((path) => join(root, path))]);
      const bytes = [...files].reduce((sum, file) => sum + size(file), 0);
      return { page: basename(metafile.outputs[path].entryPoint ?? path), bytes };
    })
    .sort((a, b) => b.bytes - a.bytes);
}

async function main([folder]) {
  if (folder === undefined) throw new StepError('Usage: node scripts/build-page.mjs <folder>');
  for (const { page, bytes } of await buildPage(folder)) {
    console.log(
      `${page.padEnd(16)} ${(bytes / 1000).toFixed(1).padStart(6)} kB compressed at the first load`,
    );
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href)
  await main(process.argv.slice(2)).catch(report);
