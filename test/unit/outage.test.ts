import { expect, test } from 'vitest';
import { type AskContext, classify, type Verdict } from '../../src/activities/failure.ts';
import { type Places, unlessOutage } from '../../src/activities/outage.ts';
import { ModelError, SourceError, type SourceErrorKind } from '../../src/activities/ports.ts';

const context = (tries: number): AskContext => ({
  route: 'base64',
  tries,
  fellBack: false,
  capRaised: false,
  reasked: false,
  now: 0,
  random: () => 0.5,
});

const answers = (): Promise<null> => Promise.resolve(null);
const fails = (error: Error) => (): Promise<never> => Promise.reject(error);
const never = (): never => {
  throw new Error('is not to be asked');
};
const down = new ModelError('Refused.', { origin: 'connection', code: 'ECONNREFUSED' });
const apiError = (status: number) => new ModelError('No.', { origin: 'api', status });
const source = (kind: SourceErrorKind) => new SourceError(kind, `It was ${kind}.`);

type Row = [string, ModelError | SourceError, number, Partial<Places>, Partial<Verdict>];

const again = { action: 'retry', waitMs: 16_000 } as const;
const block = { action: 'block', kind: 'Blocked' } as const;

test.each<Row>([
  ['a connection, before the last try', down, 4, {}, { action: 'retry', waitMs: 8_000 }],
  ['a connection, the server is down', down, 5, { model: fails(down) }, { ...block, closeGateMs: 10_000 }],
  ['a connection, the server answers', down, 5, { model: answers }, again],
  ['a connection, the server answers with an error', down, 5, { model: fails(apiError(401)) }, again],
  ['a connection, the server still answers', down, 6, { model: answers }, { action: 'record' }],
  ['a connection, the server is down later', down, 6, { model: fails(down) }, block],
  ['an error of the server', apiError(500), 5, {}, { action: 'record', kind: 'ProviderError' }],
  ['our time-out', new ModelError('x', { origin: 'timeout' }), 5, {}, { action: 'record', kind: 'Timeout' }],
  ['our abort', new ModelError('x', { origin: 'aborted' }), 5, {}, { action: 'retry', kind: 'Lost' }],
  [
    'a picture that is gone',
    source('gone'),
    1,
    { source: answers },
    { action: 'record', kind: 'PictureGone' },
  ],
  ['with its folder', source('gone'), 1, { source: fails(source('missing')) }, block],
  ['a picture that changed', source('changed'), 1, {}, { action: 'record', kind: 'PictureChanged' }],
  ['a picture that cannot be read', source('unreadable'), 5, { source: answers }, { action: 'record' }],
  ['nor its folder', source('unreadable'), 5, { source: fails(source('forbidden')) }, block],
  ['a bucket, before the last try', source('unreachable'), 4, {}, { action: 'retry' }],
  ['a bucket that is away', source('unreachable'), 5, { source: fails(source('unreachable')) }, block],
  ['a bucket that is back', source('unreachable'), 5, { source: answers }, again],
  [
    'a bucket that is back, one object is not',
    source('unreachable'),
    6,
    { source: answers },
    { action: 'record' },
  ],
  ['a bucket that may not be read', source('forbidden'), 1, {}, block],
])('%s', async (_, problem, tries, places, expected) => {
  const now = context(tries);
  const all: Places = { model: never, source: never, ...places };
  expect(await unlessOutage(problem, classify(problem, now), now, all)).toMatchObject(expected);
});

test('a block says what is wrong and what ends it', async () => {
  const now = context(5);
  const blockOf = async (problem: ModelError | SourceError, places: Partial<Places>): Promise<Verdict> =>
    unlessOutage(problem, classify(problem, now), now, { model: never, source: never, ...places });
  expect(await blockOf(down, { model: fails(down) })).toMatchObject({
    reason: "The model's server cannot be reached. Refused.",
    remedy: expect.stringContaining('goes on by itself') as string,
  });
  expect(
    await blockOf(source('unreachable'), {
      source: fails(new SourceError('unreachable', 'gs://b: https://s/b?X-Goog-Signature=c0ffee timed out.')),
    }),
  ).toMatchObject({
    reason: expect.not.stringContaining('c0ffee') as string,
    remedy: expect.stringContaining('Check the network') as string,
  });
});
