// Dependencies and build, brought up to date when they are not. Called by `npm start` and `npm test`.
import { createHash } from 'node:crypto';
import {
  copyFileSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join, relative } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { StepError, root, run, secondsSince } from './lib.mjs';

const OLDEST_NODE = [20, 19];
const LOCKFILE = join(root, 'package-lock.json');
const NODE_MODULES = join(root, 'node_modules');
const STAMP = '.image-analysis-setup';
const INSTALL_STAMP = join(NODE_MODULES, STAMP);
const BUILD_STAMP = join(root, 'dist', '.image-analysis-build');

/** What a set-up needs while it works; left out of git. */
const STATE = join(root, '.image-analysis');
const INSTALLING = 'install-';
const LEFTOVER_MS = 60 * 60_000;

/** Held while a set-up works. */
const LOCK = join(STATE, 'setup.lock');
const LOCK_TOUCH_MS = 1_000;
/** A lock that nobody has touched for so long is of a set-up that was killed. */
const LOCK_STALE_MS = 10_000;

/** Throws a {@link StepError} unless this Node can run the program. */
export function checkNode(version = process.versions.node) {
  const [major, minor] = version.split('.').map(Number);
  if (major > OLDEST_NODE[0] || (major === OLDEST_NODE[0] && minor >= OLDEST_NODE[1])) return;
  throw new StepError(
    `Node ${version} is too old: image-analysis needs Node ${OLDEST_NODE.join('.')} or later (https://nodejs.org).`,
  );
}

/**
 * Brings dependencies (and the build, unless `build` is false) up to date. Silent and offline when they are.
 * Only one set-up of a clone works at a time; the others wait for it.
 */
export async function setUp({ build = true } = {}) {
  checkNode();
  const current = () => dependenciesAreCurrent() && (!build || buildIsCurrent());
  if (current()) return;
  await withLock(async () => {
    if (!dependenciesAreCurrent()) {
      await step('Installing dependencies (npm ci)', install);
    }
    if (build && !buildIsCurrent()) {
      await step('Building', () => run(process.execPath, [join(root, 'scripts', 'build.mjs')]));
    }
  });
}

/**
 * Installs beside `node_modules` and swaps: an install that is killed leaves nothing half-done, and what runs from the
 * old packages is not disturbed until then.
 */
async function install() {
  const hash = installHash();
  removeLeftovers();
  const folder = mkdtempSync(join(STATE, INSTALLING));
  try {
    for (const name of ['package.json', 'package-lock.json'])
      copyFileSync(join(root, name), join(folder, name));
    await run('npm', ['ci', '--include=dev', '--no-audit', '--no-fund', '--loglevel=error'], { cwd: folder });
    const installed = join(folder, 'node_modules');
    writeFileSync(join(installed, STAMP), hash);
    rmSync(NODE_MODULES, { recursive: true, force: true });
    renameSync(installed, NODE_MODULES);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Folders of installs that were killed. Their npm may outlive them for a while, so the young ones are left alone. */
function removeLeftovers() {
  for (const name of readdirSync(STATE).filter((name) => name.startsWith(INSTALLING))) {
    const folder = join(STATE, name);
    if (isOlderThan(folder, LEFTOVER_MS)) rmSync(folder, { recursive: true, force: true });
  }
}

/** Says in one line what is done and how long it took; on stderr, so that a command's own output stays clean. */
async function step(name, work) {
  const start = performance.now();
  process.stderr.write(`${name} … `);
  try {
    await work();
    process.stderr.write(`${secondsSince(start)}\n`);
  } catch (error) {
    process.stderr.write(`failed after ${secondsSince(start)}\n`);
    throw error;
  }
}

function dependenciesAreCurrent() {
  const hash = installHash();
  if (readOr(INSTALL_STAMP, '') === hash) return true;
  if (!installedByHand()) return false;
  writeFileSync(INSTALL_STAMP, hash);
  return true;
}

/** Native packages differ by platform, so a clone that is mounted elsewhere is installed anew. */
function installHash() {
  return hashOf([LOCKFILE], `${process.platform} ${process.arch}`);
}

/** Whether `npm install` or `npm ci`, run by a person, left exactly what the lockfile asks for. */
function installedByHand() {
  const { packages: wanted } = JSON.parse(readFileSync(LOCKFILE, 'utf8'));
  const { packages: found } = JSON.parse(readOr(join(root, 'node_modules', '.package-lock.json'), '{}'));
  if (found === undefined) return false;
  return Object.entries(wanted).every(
    ([path, entry]) =>
      path === '' || (found[path] ? found[path].version === entry.version : entry.optional === true),
  );
}

/** Whether `dist` was built from the sources as they are. */
export function buildIsCurrent() {
  return readOr(BUILD_STAMP, '') === buildHash();
}

/** Hash of everything that `dist` is made from. */
export function buildHash() {
  const sources = readdirSync(join(root, 'src'), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
  const others = ['tsconfig.json', 'tsconfig.build.json', 'scripts/build.mjs', 'scripts/build-page.mjs'].map(
    (name) => join(root, name),
  );
  return hashOf([...sources, ...others, LOCKFILE]);
}

function hashOf(paths, salt = '') {
  const hash = createHash('sha256').update(salt);
  for (const path of paths) {
    const content = readFileSync(path);
    hash.update(`\0${relative(root, path)}\0${content.length}\0`).update(content);
  }
  return hash.digest('hex');
}

function readOr(path, other) {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return other;
  }
}

/**
 * Runs `work` while no other set-up of this clone does. The holder touches its lock, so that one that was killed is
 * known by its age, also where process numbers mean nothing (containers that share a folder).
 */
async function withLock(work) {
  mkdirSync(STATE, { recursive: true });
  for (let waited = 0; !takeLock(); waited++) {
    if (waited === 0) process.stderr.write('Another set-up of this folder is under way; waiting for it.\n');
    await sleep(250);
  }
  const release = () => rmSync(LOCK, { force: true });
  const interrupted = () => process.exit(130);
  process.once('exit', release).once('SIGINT', interrupted).once('SIGTERM', interrupted);
  const touch = setInterval(() => writeFileSync(LOCK, `${process.pid}\n`), LOCK_TOUCH_MS);
  try {
    return await work();
  } finally {
    clearInterval(touch);
    process.off('exit', release).off('SIGINT', interrupted).off('SIGTERM', interrupted);
    release();
  }
}

function takeLock() {
  try {
    writeFileSync(LOCK, `${process.pid}\n`, { flag: 'wx' });
    return true;
  } catch (error) {
    if (error.code !== 'EEXIST') throw error;
  }
  if (isOlderThan(LOCK, LOCK_STALE_MS)) removeStaleLock();
  return false;
}

/** Whether a file or folder exists and was last changed so long ago. */
const isOlderThan = (path, ms) =>
  Date.now() - (statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? Infinity) > ms;

/** Moved aside and looked at again: meanwhile another one may have removed it and taken a lock of its own. */
function removeStaleLock() {
  const aside = `${LOCK}.${process.pid}`;
  try {
    renameSync(LOCK, aside);
    if (!isOlderThan(aside, LOCK_STALE_MS)) linkSync(aside, LOCK);
  } catch (error) {
    if (!['ENOENT', 'EEXIST'].includes(error.code)) throw error;
  } finally {
    rmSync(aside, { force: true });
  }
}
