import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { noCounts } from '../../src/shared/counts.ts';
import type { Progress } from '../../src/shared/types.ts';
import { type Outcome, runHere } from '../helpers/program.ts';
import { planOf, progressOf } from './client-data.ts';

let folder: string;
let run: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'watch-'));
  run = join(folder, 'results', '20261124_100000');
  mkdirSync(run, { recursive: true });
  writeFileSync(join(run, 'run.json'), JSON.stringify(planOf()));
});
afterEach(() => rmSync(folder, { recursive: true }));

/** What a worker elsewhere records, with a moment in which it can be seen. */
async function record(...steps: Partial<Progress>[]): Promise<void> {
  for (const [at, step] of steps.entries()) {
    if (at > 0) await new Promise((resolve) => setTimeout(resolve, 1300));
    writeFileSync(join(run, 'progress.json'), JSON.stringify(progressOf(step)));
  }
}

const answers = (answered: number) => ({ counts: { ...noCounts(), images: answered / 2, answered } });
const watch = (args: string[] = [], can = {}): Promise<Outcome> =>
  runHere(folder, ['status', '--watch', ...args], { DATA_DIR: join(folder, 'data') }, can);

describe('status --watch', () => {
  test('tells each change in a line, and ends as status does with the run', { timeout: 15_000 }, async () => {
    const [{ status, out }] = await Promise.all([
      watch(),
      record(
        { state: 'running', ...answers(2) },
        { state: 'running', ...answers(4) },
        { state: 'complete', ...answers(8) },
      ),
    ]);
    expect(status).toBe(0);
    const lines = out.split('\n').filter((line) => line.includes(' · '));
    expect(lines.map((line) => / answers (\S+ of \S+)/.exec(line)?.[1])).toEqual(['2 of 8', '4 of 8']);
    expect(lines[0]).toMatch(
      /^20261124_100000 · interrupted · answers 2 of 8 · matches 0 · failed 0 · recorded /,
    );
    expect(out).toMatch(/Run 20261124_100000 is complete\.[^]*Answers +8 of 8/);
  });

  test('gives one JSON object a change', { timeout: 15_000 }, async () => {
    const [{ out }] = await Promise.all([
      watch(['--json']),
      record({ state: 'paused', ...answers(2) }, { state: 'cancelled', ...answers(2) }),
    ]);
    const events = out
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as { state: string });
    expect(events.map(({ state }) => state)).toEqual(['paused', 'cancelled']);
  });

  test('draws anew on a terminal, and says what Ctrl-C does', { timeout: 15_000 }, async () => {
    const out = new PassThrough();
    const terminal = { out, err: out, interactive: true, colors: false, columns: () => 80 };
    await Promise.all([
      watch([], { terminal }),
      record({ state: 'running', ...answers(2) }, { state: 'complete', ...answers(8) }),
    ]);
    const shown = String(out.read());
    expect(shown).toMatch(/was interrupted; no worker is at it now\.[^]*\(Ctrl-C ends this view\)/);
    expect(shown).toMatch(/Run 20261124_100000 is complete\./);
  });

  test('of a run that has ended is status', async () => {
    await record({ state: 'complete', ...answers(8) });
    const [once, watched] = await Promise.all([runHere(folder, ['status']), watch()]);
    expect(watched).toEqual(once);
  });

  test('ends with Ctrl-C, and leaves the run alone', { timeout: 15_000 }, async () => {
    await record({ state: 'running', ...answers(2) });
    const watched = watch();
    await new Promise((resolve) => setTimeout(resolve, 500));
    process.emit('SIGINT');
    const { status, out } = await watched;
    expect(status).toBe(0);
    expect(out).toContain('Go on with: image-analysis resume 20261124_100000');
  });
});
