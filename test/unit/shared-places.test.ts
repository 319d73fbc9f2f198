import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openFolderStore } from '../../src/worker/adapters/folder-store.ts';
import { blindIn, identityWith, placesMark } from '../../src/worker/shared-places.ts';

describe("the mark of a worker's places", () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'places-'));
  });
  afterEach(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  const markOf = (results: string, answers = `${results}/.answers`): Promise<string> =>
    placesMark({ results, answers }, openFolderStore);

  test('is the same for all who see one folder, also those who come at once', async () => {
    const results = join(folder, 'results');
    const marks = await Promise.all([1, 2, 3].map(() => markOf(results)));
    expect(new Set(marks).size).toBe(1);
    expect(await markOf(results)).toBe(marks[0]);
  });

  test('differs for two folders, as one path of two machines is, be it of the answers only', async () => {
    const [one, two] = [join(folder, 'one'), join(folder, 'two')];
    expect(await markOf(one)).not.toBe(await markOf(two));
    expect(await markOf(one, two)).not.toBe(await markOf(one, join(folder, 'three')));
  });

  test('of a bucket is its name', async () => {
    expect(await markOf('gs://b/results')).toBe(await markOf('gs://b/results/'));
    expect(await markOf('gs://b/results')).not.toBe(await markOf('gs://b/others'));
  });

  test("of a folder that cannot be made is nobody else's", async () => {
    writeFileSync(join(folder, 'file'), '');
    const place = join(folder, 'file', 'results');
    expect(await markOf(place)).not.toBe(await markOf(place));
  });
});

describe('workers with other places', () => {
  const own = '0a1b2c3d';
  const poller = (name: string, mark: string | null, secondsAgo = 0) => ({
    identity: mark === null ? name : identityWith(name, mark),
    seenAt: 1_700_000_000_000 - secondsAgo * 1_000,
  });
  test.each([
    ['none', [poller('1@a-000001', own), poller('2@b-000002', own)], []],
    ['one', [poller('1@a-000001', own), poller('2@b.net-000002', 'ffffffff')], ['2@b.net-000002.ffffffff']],
    ['one that is gone', [poller('1@a-000001', own), poller('2@b-000002', 'ffffffff', 80)], []],
    [
      'one of an older build, which tells nothing',
      [poller('1@a-000001', own), poller('2@b.net-abcdef', null)],
      [],
    ],
    ['nobody polls', [], []],
  ])('%s', (_what, pollers, blind) => {
    expect(blindIn(pollers, own)).toEqual(blind);
  });
});
