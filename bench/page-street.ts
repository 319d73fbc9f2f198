import { createHash } from 'node:crypto';
import { resolve } from 'node:path';
import sharp from 'sharp';
import type { Sample } from '../scripts/samples/scenes.ts';
import { SAMPLES } from '../scripts/samples/scenes.ts';
import { streetSvg } from '../scripts/samples/street.ts';
import type { FailureKind, Prompt, PromptResult, Route, Try } from '../src/shared/types.ts';
import { answerOf } from '../src/simulator/answer.ts';
import { questionOf } from '../src/simulator/questions.ts';
import { draw } from '../src/simulator/random.ts';
import type { Scene } from '../src/simulator/scene.ts';
import { loadPrompts } from '../src/worker/prompts-file.ts';

/** One drawn street with the answers of the simulator to every question about it. */
export interface Street {
  sample: Sample;
  jpeg: Buffer;
  identity: string;
  answers: Record<string, { match: boolean; count: number; description: string }>;
}

/** The questions of `prompts.yaml`. */
export const streetPrompts = async (): Promise<Prompt[]> =>
  (await loadPrompts(resolve('prompts.yaml'))).prompts;

const LIGHTS: Sample['light'][] = ['haze', 'day', 'day', 'day', 'dusk', 'night'];
const HOURS = ['06', '09', '12', '15', '18', '21'];

const PLACES = [...new Map(SAMPLES.map(({ camera, place }) => [camera, place])).entries()];

/** Draws so many streets of the samples' cameras, six times a day each, all of them different. */
export async function drawStreets(count: number, prompts: readonly Prompt[]): Promise<Street[]> {
  const streets: Street[] = [];
  for (let n = 0; n < count; n += 1) {
    const sample = sampleOf(n);
    const jpeg = await sharp(Buffer.from(streetSvg(sample)))
      .flatten()
      .jpeg({ quality: 78 })
      .toBuffer();
    const sha256 = createHash('sha256').update(jpeg).digest('hex');
    const answers = Object.fromEntries(
      prompts.map((prompt) => {
        const question = questionOf(prompt.text);
        const look = { seed: 1, sha256, question, questionText: prompt.text };
        return [prompt.id, answerOf(sceneOf(sample), look).answer];
      }),
    );
    streets.push({ sample, jpeg, identity: `sha256:${sha256}`, answers });
  }
  return streets;
}

/** The name that the city gives a picture: camera, day and time. */
export const streetName = ({ camera, taken }: Pick<Sample, 'camera' | 'taken'>): string =>
  `${camera}_${taken}.jpg`;

function sampleOf(n: number): Sample {
  const [camera, place] = PLACES[n % PLACES.length] ?? ['CAMERA', 'a street'];
  const slot = Math.floor(n / PLACES.length);
  const of = (what: string, share: number, most: number): number =>
    draw(n, what) < share ? 1 + Math.floor(draw(n, what, 'count') * most) : 0;
  const day = 25 + Math.floor(slot / HOURS.length);
  const minute = String(Math.floor(draw(n, 'minute') * 60)).padStart(2, '0');
  return {
    camera,
    place,
    taken: `202511${String(day)}_${HOURS[slot % HOURS.length] ?? '12'}${minute}${String(10 + (n % 50))}`,
    size: [1280, 720],
    format: 'jpg',
    light: LIGHTS[slot % LIGHTS.length] ?? 'day',
    away: Math.floor(draw(n, 'away') * 8),
    coming: Math.floor(draw(n, 'coming') * 7),
    wrongWay: of('wrong way', 0.12, 2),
    parkedAtSign: of('parked', 0.25, 3),
    parked: of('parked elsewhere', 0.2, 2),
    people:
      draw(n, 'crowd') < 0.2 ? 12 + Math.floor(draw(n, 'people') * 14) : Math.floor(draw(n, 'people') * 5),
    bags: of('bags', 0.25, 5),
    heaps: of('heaps', 0.15, 1),
    potholes: of('potholes', 0.25, 4),
  };
}

const sceneOf = (sample: Sample): Scene => ({
  scene: 1,
  place: sample.place,
  people: sample.people,
  vehicles: sample.away + sample.coming + sample.wrongWay,
  parkedInNoParking: sample.parkedAtSign,
  garbageBags: sample.bags,
  garbageHeaps: sample.heaps,
  potholes: sample.potholes,
  wrongWay: sample.wrongWay,
});

/** One question's outcome as a run would have recorded it: times, tokens and tries follow from `n` alone. */
export function outcomeOf(
  street: Street,
  n: number,
  prompt: Prompt,
  options: { startedAt: number; route?: Route; failure?: FailureKind },
): PromptResult {
  const { startedAt, route = 'base64', failure } = options;
  // A cheap spread of 0 to 1: this is called for every question of a large run.
  const spread = ((n * 6 + prompt.id.length) * 0.618_033_988_75) % 1;
  const ms = 6_000 + Math.round(spread * 5_000);
  const sent = new Date(startedAt).toISOString();
  const requestId = `req_${(n * 7919 + prompt.id.length).toString(16).padStart(24, '0')}`;
  const one: Try = { at: sent, ms, route, status: 200, outcome: 'ok', charged: 1_480, requestId };
  if (failure !== undefined) {
    const refused = { ...one, outcome: failure };
    return {
      ok: false,
      failure: { kind: failure, message: FAILURES[failure] ?? failure, requestId, tries: [refused] },
    };
  }
  const answer = street.answers[prompt.id] ?? { match: false, count: 0, description: '' };
  const outputTokens = 40 + Math.round(spread * 60);
  const cachedTokens = prompt.id === 'crowd-detection' ? 0 : 1_152;
  const usage = { inputTokens: 1_420, cachedTokens, outputTokens, totalTokens: 1_420 + outputTokens };
  return {
    ok: true,
    result: {
      ...answer,
      sentAt: sent,
      ms: ms + 20,
      route,
      usage,
      charged: one.charged,
      requestId,
      model: 'gpt-4o-2024-08-06',
      timings: { signMs: 0, downloadMs: 3, encodeMs: 1, waitMs: 12, modelMs: ms },
      tries: [one],
    },
  };
}

const FAILURES: Partial<Record<FailureKind, string>> = {
  Refused: 'The model declined to answer: "I cannot help with identifying people in this picture."',
  Timeout: 'The model gave no answer within 60 s, three times.',
  OutputTruncated: 'The answer was cut off at 300 tokens, and again at 600.',
};
