import { statfs, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Config } from '../../config.ts';
import { ENOUGH_BYTES, roomProblem } from '../engine/room.ts';
import { type Check, type Finding, ok, skipped, warn, wrong } from './check.ts';

/** From here on room is no matter to think of. */
const PLENTY_BYTES = 1_000_000_000;

/** Of six questions: some 12 KB of history and 2 KB of results (measured). */
const BYTES_A_PICTURE = 14_000;

/** Checks that the disks of the embedded engine, the results and the answers have room. Makes no folder. */
export function diskCheck({ address, dataDir, results, answers }: Config): Check {
  const folders: [string, string][] = [
    ...(address === null ? [['DATA_DIR', dataDir] as [string, string]] : []),
    ['RESULTS', results],
    ['ANSWERS', answers],
  ];
  const local = folders.filter(([, folder]) => !folder.startsWith('gs://'));

  async function look(): Promise<Finding> {
    if (local.length === 0) return skipped('Nothing is kept on a disk of this machine.');
    let least: { bytes: number; setting: string; folder: string } | null = null;
    for (const [setting, folder] of local) {
      const there = await nearest(folder);
      if (setting === 'DATA_DIR') {
        const problem = roomProblem(there);
        if (problem !== null) return wrong(problem, remedyFor(setting));
      }
      const { bavail, blocks, bsize } = await statfs(there);
      // Some file systems do not tell.
      if (blocks === 0) continue;
      const bytes = bavail * bsize;
      if (least === null || bytes < least.bytes) least = { bytes, setting, folder };
    }
    if (least === null) return ok('The file systems do not tell how much room they have.');
    const { bytes, setting, folder } = least;
    if (bytes < ENOUGH_BYTES) {
      return wrong(`The disk of ${folder} is full: ${megabytes(bytes)} are left.`, remedyFor(setting));
    }
    if (bytes < PLENTY_BYTES) {
      return warn(
        `${megabytes(bytes)} are left on the disk of ${folder}: enough for about ` +
          `${Math.floor(bytes / BYTES_A_PICTURE).toLocaleString('en-US')} pictures.`,
        remedyFor(setting),
      );
    }
    return ok(`At least ${megabytes(bytes)} are left on every disk that is written.`);
  }
  return {
    name: 'disk',
    title: 'Disk',
    needs: [],
    remedy: 'Check the disk and what it is mounted from.',
    look,
  };
}

const remedyFor = (setting: string): string =>
  `Make room on that disk, or name a folder on another one, for example ${setting}=/srv/image-analysis.`;

/** The place itself, be it a folder or not, or the nearest one above it that is there. */
async function nearest(folder: string): Promise<string> {
  for (let at = folder; ; at = dirname(at)) {
    const found = await stat(at).catch(() => null);
    if (found !== null || at === dirname(at)) return at;
  }
}

const megabytes = (bytes: number): string => `${Math.floor(bytes / 1e6).toLocaleString('en-US')} MB`;
