// What the images hold. `node scripts/image-content.mjs <worker|full> <folder>` copies from this clone, once it is built,
// what the program loads, and nothing else; `node scripts/image-content.mjs sizes <folder>` lists what such a copy holds.
import { cpSync, mkdirSync, readdirSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, relative } from 'node:path';
import { pathToFileURL } from 'node:url';
import { StepError, report, root } from './lib.mjs';

const PROGRAM = 'dist/cli.js';

/** What is loaded by its name, or only read: no import tells of it. */
const BY_NAME = [
  'dist/codec/failure-converter.js',
  'node_modules/@temporalio/worker/lib/workflow/workflow-worker-thread.js',
];
const READ = ['package.json', 'prompts.yaml'];
const WORKFLOWS = /^workflow-bundle.*\.js$/;

/** The SDK's native part: its package brings all platforms', and the images are of Debian. */
const BRIDGE = 'node_modules/@temporalio/core-bridge/releases/';
const bridgeHere = () =>
  `${BRIDGE}${process.arch === 'arm64' ? 'aarch64' : 'x86_64'}-unknown-linux-gnu/index.node`;

/**
 * What @temporalio/worker makes a bundle of workflows with, which the build has made. It is imported all the same: of
 * these, and of what only they import, the files stay that are read when the SDK is loaded.
 */
const OF_BUNDLING = ['webpack', 'swc-loader', 'source-map-loader', '@swc/core'].map(
  (name) => `node_modules/${name}/`,
);
const SDK = '@temporalio/worker';

/** The page, thumbnails in reports and the simulator: a worker has no use of them. */
const OF_FULL_ALONE = [/^dist\/(?:web|simulator|page)\//, /^node_modules\/(?:sharp|@img)\//];
const PAGE = 'dist/page';

/** Paths, below the clone, of what a kind of image holds; sorted. */
export async function contentOf(kind) {
  const { nodeFileTrace } = await import('@vercel/nft');
  const isFull = kind === 'full';
  const isLeftOut = (path) =>
    (path.startsWith(BRIDGE) && path !== bridgeHere()) ||
    OF_BUNDLING.some((folder) => path.startsWith(folder)) ||
    (!isFull && OF_FULL_ALONE.some((pattern) => pattern.test(path)));
  const { fileList } = await nodeFileTrace(
    [PROGRAM, ...BY_NAME].map((path) => join(root, path)),
    { base: root, ignore: isLeftOut },
  );
  // What is only looked at, such as a README beside the code, is no part of the program.
  const traced = [...fileList].filter((path) => /\.(?:[cm]?js|json|node|wasm|so[.\d]*)$/.test(path));
  const also = [
    ...READ,
    ...readdirSync(join(root, 'dist'))
      .filter((name) => WORKFLOWS.test(name))
      .map((name) => `dist/${name}`),
    bridgeHere(),
    ...(isFull ? [...filesBelow(PAGE), ...librariesOfSharp()] : []),
  ];
  return [...new Set([...traced, ...also, ...loadedWithSdk()])].sort();
}

/** The files that a process has read once it has loaded the SDK, and what says how they are found. */
function loadedWithSdk() {
  const require = createRequire(join(root, 'package.json'));
  require(SDK);
  const files = Object.keys(require.cache).map((path) => relative(root, path));
  const packages = files.flatMap((path) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+\//.exec(path)?.[0] ?? []);
  return [...files, ...[...new Set(packages)].map((folder) => `${folder}package.json`)];
}

/** libvips, which sharp's native part is linked with. */
function librariesOfSharp() {
  const folder = `node_modules/@img/sharp-libvips-linux-${process.arch}`;
  return filesBelow(folder).filter((path) => /\.so|package\.json$/.test(path));
}

function filesBelow(folder) {
  return readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !entry.name.endsWith('.map'))
    .map((entry) => relative(root, join(entry.parentPath, entry.name)));
}

/** Bytes of a copy by part: each package, the program's own files, the page, the samples; the largest first. */
export function sizesOf(folder) {
  const sizes = new Map();
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    const part = partOf(relative(folder, path));
    sizes.set(part, (sizes.get(part) ?? 0) + statSync(path).size);
  }
  return [...sizes].map(([part, bytes]) => ({ part, bytes })).sort((a, b) => b.bytes - a.bytes);
}

function partOf(path) {
  // Of a package within a package the outer one is the reason.
  const name = /^node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(path)?.[1];
  if (name !== undefined) return name;
  return path.startsWith(`${PAGE}/`) ? 'the page' : 'the program';
}

/** Smaller parts are summed up. */
const OWN_LINE_BYTES = 500_000;

function sizesTable(folder) {
  const parts = sizesOf(folder);
  const large = parts.filter(({ bytes }) => bytes >= OWN_LINE_BYTES);
  const small = parts.filter(({ bytes }) => bytes < OWN_LINE_BYTES);
  const sum = (some) => some.reduce((total, { bytes }) => total + bytes, 0);
  const line = (part, bytes) => `| ${part} | ${(bytes / 1e6).toFixed(1)} |`;
  return [
    '| part | MB |',
    '| --- | ---: |',
    ...large.map(({ part, bytes }) => line(part, bytes)),
    line(`${small.length} smaller ones`, sum(small)),
    line('all', sum(parts)),
  ].join('\n');
}

async function main([what, folder]) {
  if (!['worker', 'full', 'sizes'].includes(what) || folder === undefined) {
    throw new StepError('Usage: node scripts/image-content.mjs <worker|full|sizes> <folder>');
  }
  if (what === 'sizes') return console.log(sizesTable(folder));
  for (const path of await contentOf(what)) {
    const target = join(folder, path);
    mkdirSync(dirname(target), { recursive: true });
    cpSync(join(root, path), target, { dereference: true });
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href)
  await main(process.argv.slice(2)).catch(report);
