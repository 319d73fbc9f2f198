import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { WorkflowFailedError } from '@temporalio/client';
import { ActivityFailure, ApplicationFailure, CancelledFailure, TerminatedFailure } from '@temporalio/common';
import type { Deps } from '../../src/client/deps.ts';
import { describeFailure } from '../../src/client/workflow-failure.ts';
import { estimateRun } from '../../src/worker/estimate.ts';
import { type Outcome, runHere } from '../helpers/program.ts';
import { noCounts } from '../../src/shared/counts.ts';
import { checkRetry, checkRunInput } from '../../src/shared/run-input.ts';
import type { Counts, Progress } from '../../src/shared/types.ts';
import { planOf, progressOf } from './client-data.ts';

let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'cli-'));
  mkdirSync(join(folder, 'pictures'));
  writeFileSync(join(folder, 'pictures', 'notes.txt'), 'x');
  writeFileSync(join(folder, 'file.jpg'), 'x');
  writeFileSync(join(folder, 'broken.yaml'), 'prompts:\n  - id: a\n   name: b\n');
  const run = join(folder, 'results', '20261124_100000');
  mkdirSync(run, { recursive: true });
  writeFileSync(join(run, 'run.json'), JSON.stringify(planOf()));
  writeFileSync(join(run, 'progress.json'), JSON.stringify(progressOf({ state: 'running' })));
  mkdirSync(join(folder, 'results', 'bare'));
  endedRun('complete', 'complete', { answered: 8, imagesComplete: 4 });
  endedRun('refused', 'incomplete', { answered: 6, failed: 2, failures: { Refused: 2 } });
  endedRun('both', 'incomplete', { answered: 3, failed: 5, failures: { Refused: 2, Timeout: 3 } });
  endedRun('cancelled', 'cancelled', { answered: 5, recalled: 3, possiblyPaid: 1 });
});
/** A run of two questions about four pictures in a place of its own, with its listed page. */
function endedRun(name: string, state: Progress['state'], counts: Partial<Counts>): void {
  const run = join(folder, 'ended', name);
  mkdirSync(join(run, 'images'), { recursive: true });
  const workflowId = `image-analysis-${name}`;
  const sums = { ...noCounts(), images: 4, ...counts };
  const createdAt = `2026-11-2${String(++ended)}T10:00:00.000Z`;
  writeFileSync(join(run, 'run.json'), JSON.stringify(planOf({ run: name, workflowId, createdAt })));
  writeFileSync(
    join(run, 'progress.json'),
    JSON.stringify(progressOf({ run: name, workflowId, state, counts: sums })),
  );
  const images = [1, 2, 3, 4].map((n) => ({
    ...{ name: `north/camera-00${String(n)}.jpg`, uri: `/pictures/${String(n)}`, bytes: 1 },
    identity: `sha256:${String(n)}`,
  }));
  writeFileSync(
    join(run, 'images', '000000.json'),
    JSON.stringify({ page: 0, images, skipped: [], next: null }),
  );
}
let ended = 0;

afterAll(() => rmSync(folder, { recursive: true }));

const cli = (args: string[], env?: Record<string, string>, can?: Partial<Deps>): Promise<Outcome> =>
  runHere(folder, args, env, can);

describe('wrong usage ends with status 2 and says what to do', () => {
  const key = { OPENAI_API_KEY: 'sk-test' };
  test.each<[string, string[], Record<string, string>, RegExp]>([
    ['an unknown command', ['analyse'], {}, /no command "analyse"; there are run, resume/],
    ['an unknown flag', ['run', 'pictures', '--fast'], key, /unknown option '--fast'/],
    ['no source', ['run'], key, /missing required argument 'source'/],
    ['a source that is not there', ['run', 'nowhere'], key, /no such folder.*gs:\/\//],
    ['a source that is a file', ['run', 'file.jpg'], key, /is a file.*--include/],
    ['no key', ['run', 'pictures'], {}, /OPENAI_API_KEY is not set.*OPENAI_API_KEY=sk-/],
    ['a wrong setting', ['list'], { LIMITS: '-1' }, /LIMITS is "-1".*for example/],
    ['limits of nothing', ['run', 'pictures', '--rpm', '0'], key, /--rpm is "0".*for example --rpm/],
    [
      'limits elsewhere',
      ['run', 'pictures', '--tpm', '9', '--address', 'h:1'],
      key,
      /--tpm.*h:1\. There, .* limits --tpm 9 --address h:1/,
    ],
    [
      'limits twice',
      ['run', 'pictures', '--tpm', '9', '--limits', 'auto'],
      key,
      /Give --limits auto, or --rpm/,
    ],
    ['no retention', ['run', 'pictures', '--retention', '0'], key, /--retention is "0".*1 to 3,650/],
    ['retention of a unit', ['run', 'pictures', '--retention', '30d'], key, /--retention is "30d"/],
    [
      'retention elsewhere',
      ['run', 'pictures', '--retention', '9', '--address', 'h:1'],
      key,
      /embedded server.*h:1\. There, .*--retention 9d .*--address h:1/,
    ],
    ['limits that no call fits into', ['limits', '--tpm', '300'], {}, /300 tokens a minute are too few/],
    ['limits that are none', ['limits', 'wide'], {}, /limits is "wide": give auto.*for example limits 480/],
    ['half a limit', ['limits', '--rpm', 'auto'], {}, /--rpm is "auto".*for example --rpm 4/],
    [
      'a wrong address',
      ['run', 'pictures', '--address', 'http://h:1'],
      key,
      /--address is .* localhost:7233/,
    ],
    ['a wrong detail', ['run', 'pictures', '--detail', 'fine'], key, /--detail is "fine".*low, high, auto/],
    ['a wrong batch size', ['run', 'pictures', '--batch-size', '99'], key, /--batch-size is "99".*1 to 16/],
    [
      'a wrong priority',
      ['run', 'pictures', '--priority', '0'],
      key,
      /--priority is "0".*most urgent.*--priority 1/,
    ],
    ['a broken prompts file', ['run', 'pictures', '--prompts', 'broken.yaml'], key, /broken\.yaml, line 3/],
    ['a worker without a server', ['worker'], {}, /TEMPORAL_ADDRESS.*--address localhost:7233/],
    ['a picture that is not there', ['ask', 'none.jpg'], key, /no such file/],
    ['a folder in a picture’s place', ['ask', 'pictures'], key, /pictures" is a folder\. Name one picture/],
    ['a run that is not there', ['status', 'nope'], {}, /no run "nope".*list/],
    ['a run to go on with that is not there', ['resume', 'nope'], {}, /no run "nope".*list/],
    [
      'a run without a plan',
      ['resume', 'bare'],
      {},
      /"bare" .* has no run\.json.*nothing to go on with.*run SOURCE/,
    ],
    // No server is started for it: this program has none.
    [
      'a run that has ended',
      ['cancel', 'cancelled', '--results', 'ended'],
      {},
      /not under way: it is cancelled\..*resume/,
    ],
    [
      'a run that has ended',
      ['pause', 'cancelled', '--results', 'ended'],
      {},
      /not under way: it is cancelled\..*resume/,
    ],
    ['nothing to stop', ['cancel', '--results', 'ended'], {}, /No run below .*ended is under way/],
    [
      'nothing to go on with',
      ['resume', '--results', 'pictures'],
      {},
      /No run below .*pictures waits to go on/,
    ],
    [
      'a picture that the run has not',
      ['resume', 'cancelled', '--results', 'ended', '--only', 'camera-01.jpg'],
      key,
      /--only is "camera-01\.jpg": run cancelled has no picture.*mean "north\/camera-001\.jpg"\?/,
    ],
    ['no picture', ['resume', '--only', ''], key, /--only is \[""\] must be a list of names/],
    ['rebuilding nothing', ['results', 'rebuild'], {}, /missing required argument 'run'/],
    ['a wrong fault', ['simulator', '--fault', 'reset'], {}, /--fault is "reset".*kind=share/],
  ])('%s', async (_what, args, env, says) => {
    const { status, out, err } = await cli(args, env);
    expect(err.replaceAll('\n', ' ')).toMatch(says);
    expect({ status, out }).toEqual({ status: 2, out: '' });
  });
});

describe('what needs no server', () => {
  test('help ends with status 0, also with wrong settings', async () => {
    const { status, out } = await cli(['--help'], { LIMITS: 'x' });
    expect(status).toBe(0);
    for (const name of [
      'run',
      'resume',
      'pause',
      'cancel',
      'retry-failed',
      'ask',
      'worker',
      'status',
      'list',
      'limits',
      'results',
      'ui',
      'stop',
      'simulator',
    ]) {
      expect(out).toMatch(new RegExp(`^ +${name} `, 'm'));
    }
    expect(out).not.toContain('engine ');
  });

  test('the version is that of the package, also with wrong settings', async () => {
    const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string };
    const { status, out } = await cli(['--version'], { LIMITS: 'x' });
    expect({ status, out }).toEqual({ status: 0, out: `image-analysis ${version}\n` });
  });

  test('a folder without pictures is told before an engine is started', async () => {
    const key = { OPENAI_API_KEY: 'sk-test' };
    const { status, err } = await cli(['run', 'pictures'], key, { estimateRun });
    expect(status).toBe(2);
    expect(err).toMatch(
      /pictures" holds no JPEG, PNG or WebP pictures \(1 file passed over\)\. Name the folder/,
    );
  });

  test('status and list tell of a run that nobody is at', async () => {
    const [status, list, json] = await Promise.all([
      cli(['status']),
      cli(['list']),
      cli(['list', '--json', '--results', 'results']),
    ]);
    expect(status.out).toContain('Run 20261124_100000 was interrupted; no worker is at it now.');
    expect(status.out).toContain('Go on with: image-analysis resume 20261124_100000');
    expect(list.out).toMatch(/20261124_100000 +interrupted +0 of 4/);
    expect(JSON.parse(json.out)).toMatchObject({ run: '20261124_100000', state: 'interrupted' });
  });

  const ofEnded = (...args: string[]): Promise<Outcome> =>
    cli([...args, '--results', 'ended'], { OPENAI_API_KEY: 'sk-test' });

  test('a complete run is not started again: nothing is asked', async () => {
    const { status, out } = await ofEnded('resume', 'complete');
    expect(status).toBe(0);
    expect(out).toContain('Run complete is complete.');
    expect(out).toContain('Nothing is left to do: every question is answered. Nothing was asked.');
    expect((await ofEnded('retry-failed', 'complete', '--refused')).status).toBe(0);
  });

  test('a run that lacks refused answers only is started again with --refused only', async () => {
    const { status, out } = await ofEnded('resume', 'refused');
    expect(status).toBe(3);
    expect(out).toMatch(
      /Nothing was asked\.\nAsk the 2 that the model declined: image-analysis resume refused --refused --results \S+ended\n/,
    );
  });

  test('status says how to go on with a run that ended early, and what was recalled and given up', async () => {
    const [cancelled, both] = await Promise.all([ofEnded('status', 'cancelled'), ofEnded('status', 'both')]);
    expect(cancelled.out).toContain('3 recalled from earlier runs, at no cost');
    expect(cancelled.out).toContain('Given up   1 call while under way, by a cancel: possibly paid');
    expect(cancelled.out).toMatch(/Go on with: image-analysis resume cancelled --results/);
    expect(both.out).toMatch(/Ask 3 answers again: image-analysis resume both --results/);
    expect(both.out).toMatch(/Ask also the 2 that the model declined: image-analysis resume both --refused/);
    expect(both.out).toMatch(/Which they are, and why: image-analysis results both --missing/);
  });

  test.each(['resume', 'pause', 'cancel', 'retry-failed'])(
    '%s says the same by plain temporal',
    async (command) => {
      const { out } = await cli([command, '--help']);
      const inputs = [...out.matchAll(/--input '(.+)'/g)].map(
        ([, input = '']) => JSON.parse(input) as object,
      );
      expect(out).toMatch(/ {2}temporal workflow (update execute|cancel) .*--workflow-id image-analysis-RUN/);
      for (const input of inputs) {
        expect('resumeOf' in input ? checkRunInput(input) : checkRetry(input)).toEqual([]);
      }
    },
  );

  test('a server that does not answer is named, with status 1', { timeout: 15_000 }, async () => {
    const { status, err } = await cli(['run', 'pictures', '--address', '127.0.0.1:1']);
    expect(status).toBe(1);
    expect(err).toMatch(/^No Temporal server answers at 127\.0\.0\.1:1: nothing listens there/);
  });

  test('stop without an engine says so', async () => {
    const { status, out } = await cli(['stop']);
    expect(status).toBe(0);
    expect(out).toContain('No engine runs on');
  });
});

describe("a failed run's reason", () => {
  const failed = (cause: Error): WorkflowFailedError =>
    new WorkflowFailedError('failed', cause, 'NON_RETRYABLE_FAILURE');
  const activity = (cause: Error): ActivityFailure =>
    new ActivityFailure('Activity task failed', 'planRun', '1', 'NON_RETRYABLE_FAILURE', 'worker', cause);
  const application = (type: string): ApplicationFailure =>
    ApplicationFailure.create({
      type,
      message: 'source: gs://none does not exist',
      cause: new Error('inner'),
    });

  test.each([
    ['InvalidInput', 2],
    ['InvalidSettings', 2],
    ['Blocked', 1],
  ])('is that of the %s below, with status %d', (type, exitStatus) => {
    expect(describeFailure(failed(activity(application(type))))).toEqual({
      message: 'source: gs://none does not exist',
      exitStatus,
      state: 'failed',
    });
  });

  test('is that of a person who ended it', () => {
    expect(describeFailure(failed(new TerminatedFailure('terminated')))).toEqual({
      message: 'somebody terminated the run',
      exitStatus: 1,
      state: 'failed',
    });
    expect(describeFailure(failed(new CancelledFailure('cancelled')))).toEqual({
      message: 'somebody cancelled the run',
      exitStatus: 1,
      state: 'cancelled',
    });
  });

  test('holds no secret', () => {
    const leak = ApplicationFailure.create({ type: 'X', message: 'at https://h/x?X-Goog-Signature=abcdef' });
    expect(describeFailure(failed(leak)).message).not.toContain('abcdef');
  });
});
