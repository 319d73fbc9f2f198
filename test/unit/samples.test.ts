import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { imageSize } from 'image-size';
import { describe, expect, test } from 'vitest';
import { answerOf } from '../../src/simulator/answer.ts';
import { QUESTION_IDS } from '../../src/simulator/questions.ts';
import { sceneOf, sceneText } from '../../src/simulator/scene.ts';
import { createHash } from 'node:crypto';

const folder = fileURLToPath(new URL('../../samples/', import.meta.url));
const samples = readdirSync(folder)
  .filter((name) => /\.(jpg|png|webp)$/.test(name))
  .map((name) => {
    const bytes = readFileSync(`${folder}${name}`);
    return { name, bytes, ...imageSize(bytes), sha256: createHash('sha256').update(bytes).digest('hex') };
  });

test('there are twelve and more, small in all, and no two alike', () => {
  expect(samples.length).toBeGreaterThanOrEqual(12);
  expect(samples.reduce((sum, { bytes }) => sum + bytes.length, 0)).toBeLessThan(1_500_000);
  expect(new Set(samples.map(({ sha256 }) => sha256)).size).toBe(samples.length);
});

test('all three formats and sizes occur, and the bytes are what the names say', () => {
  const formats = samples.map(({ type }) => type);
  expect([...new Set(formats)].sort()).toEqual(['jpg', 'png', 'webp']);
  expect([...new Set(samples.map(({ width, height }) => `${width}x${height}`))].sort()).toEqual([
    '1280x720',
    '1920x1080',
    '704x576',
  ]);
  for (const { name, type } of samples) expect(name.endsWith(`.${type}`)).toBe(true);
});

test('names are as the city’s cameras name them: place, address, time', () => {
  for (const { name } of samples)
    expect(name).toMatch(/^[A-Z_.]+_10_246_\d+_\d+_20251125_\d{6}\.(jpg|png|webp)$/);
  expect(new Set(samples.map(({ name }) => name.replace(/_\d{8}_.*/, ''))).size).toBeGreaterThanOrEqual(4);
});

test.each(samples)('$name carries its scene', ({ bytes }) => {
  expect(sceneOf(bytes)).toMatchObject({ scene: 1, place: expect.stringMatching(/\w/) as string });
});

describe('together', () => {
  const looked = samples.flatMap(({ bytes, sha256 }) =>
    QUESTION_IDS.map((question) => {
      const scene = sceneOf(bytes);
      const { answer, wrong } = answerOf(scene, { seed: 1, sha256, question, questionText: '' });
      return { question, wrong, match: answer.match };
    }),
  );

  test.each(QUESTION_IDS)('%s is met on some and not on others', (id) => {
    const right = looked.filter(({ question, wrong }) => question === id && !wrong);
    expect(right.some(({ match }) => match)).toBe(true);
    expect(right.some(({ match }) => !match)).toBe(true);
  });

  test('some answers are wrong by plan, and few', () => {
    const wrong = looked.filter((one) => one.wrong).length;
    expect(wrong).toBeGreaterThanOrEqual(3);
    expect(wrong).toBeLessThanOrEqual(looked.length / 6);
  });
});

describe('a scene in other bytes', () => {
  const scene = sceneOf(samples[0]?.bytes ?? new Uint8Array());
  test.each([
    ['none at all', Buffer.from('no scene here')],
    ['without its end', Buffer.from('{"scene":1')],
    ['no JSON', Buffer.from('{"scene":1,\0')],
    ['another form', Buffer.from('{"scene":2}\0')],
    ['a count that cannot be', Buffer.from(`${JSON.stringify({ ...scene, people: -1 })}\0`)],
  ])('%s: null', (_, bytes) => {
    expect(sceneOf(bytes)).toBeNull();
  });

  test('is read back as it was written', () => {
    expect(scene).not.toBeNull();
    if (scene !== null) expect(sceneOf(Buffer.from(`....${sceneText(scene)}\0....`))).toEqual(scene);
  });
});
