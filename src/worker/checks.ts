import { ANSWER_SCHEMA } from '../activities/answer.ts';
import { type Decision, decisionFor } from '../activities/failure-table.ts';
import { inspectPicture } from '../activities/picture.ts';
import { type ImageSource, type Model, ModelError, type ModelRequest } from '../activities/ports.ts';
import type { Config } from '../config.ts';
import {
  type ModelProblem,
  type Probes,
  type Signed,
  type SourceProbe,
  UNKNOWN_ADDRESS,
} from '../shared/probes.ts';
import type { ImageRef } from '../shared/types.ts';
import { createGcs } from './adapters/gcs.ts';
import { tryAnswers, tryResults } from './checks-places.ts';
import { createParts } from './parts.ts';

/** The first names of a source: enough to pass over a few files that are no pictures. */
const FIRST_NAMES = 20;

/** A white picture of 32 × 32 pixels, the smallest that every provider takes for one. */
const WHITE_PNG =
  'iVBORw0KGgoAAAANSUhEUgAAACAAAAAgCAAAAABWESUoAAAAFklEQVR42mP4TwAwjCoYVTCqYKQqAAA/aPwuqUTQyAAAAABJRU5ErkJggg==';

/** OpenAI refuses a smaller cap. An answer that it cuts off tells the limits all the same. */
const SMALLEST_CAP = 16;

/**
 * What `doctor` asks of the services that a worker with these settings uses, by the same adapters. Nothing is asked
 * before it is called; what is written is removed again. No signed URL leaves it.
 */
export function createProbes(config: Config): Probes {
  const parts = createParts(config);
  const gcs = createGcs({ apiEndpoint: config.gcsEndpoint });
  return {
    checkModel: (signal) => checkModel(config, parts.model, signal),
    askModel: (signal) => askSmall(config, parts.model, signal),
    openSource: (uri) => probeOf(parts.openSource(uri, { include: [], exclude: [] })),
    writeResults: () => tryResults(config.results, gcs),
    writeAnswers: () => tryAnswers(config.answers, gcs),
  };
}

async function askSmall(
  { model, api }: Config,
  { ask }: Model,
  signal: AbortSignal,
): ReturnType<Probes['askModel']> {
  const request: ModelRequest = {
    model,
    api,
    instructions: 'Answer briefly.',
    question: 'Is the picture white?',
    schema: ANSWER_SCHEMA,
    imageUrl: `data:image/png;base64,${WHITE_PNG}`,
    detail: 'low',
    maxOutputTokens: SMALLEST_CAP,
    cacheKey: 'image-analysis-doctor',
  };
  try {
    const reply = await ask(request, signal);
    const { limits } = reply.rate;
    return { model: reply.model, limits, totalTokens: reply.usage?.totalTokens ?? null };
  } catch (error) {
    return modelProblem(error);
  }
}

async function checkModel(
  { baseUrl, apiKey, model }: Config,
  { check }: Model,
  signal: AbortSignal,
): Promise<ModelProblem | null> {
  try {
    await check(model, signal);
  } catch (error) {
    return modelProblem(error);
  }
  // A server that has no list of models passes that check, since nothing is said against key and model.
  const headers = { authorization: `Bearer ${apiKey ?? 'none'}` };
  const list = `${baseUrl.replace(/\/+$/, '')}/models`;
  const response = await fetch(list, { headers, redirect: 'manual', signal }).catch(() => null);
  await response?.body?.cancel();
  if (response === null || ![404, 405].includes(response.status)) return null;
  const { status } = response;
  const message = `${baseUrl} has no list of models (HTTP ${status}), so that it tells nothing of key and model.`;
  return { origin: 'api', status, code: UNKNOWN_ADDRESS, message, remedy: null };
}

function modelProblem(error: unknown): ModelProblem {
  if (!(error instanceof ModelError)) throw error;
  const { origin, status, code, type, message } = error;
  return { origin, status, code: code ?? type, message, remedy: adviceOf(decisionFor(error)) };
}

function adviceOf(decision: Decision): string | null {
  if (decision.do === 'block') return decision.remedy;
  return decision.do === 'record' ? (decision.advice ?? null) : null;
}

function probeOf(source: ImageSource): SourceProbe {
  let first: ImageRef | null = null;
  const picture = (): ImageRef => {
    if (first === null) throw new Error('No picture was listed.');
    return first;
  };
  const { signedUrl } = source;
  return {
    async list(signal) {
      const { images, skipped } = await source.list(null, FIRST_NAMES, signal);
      first = images[0] ?? null;
      return { pictures: images.length, skipped: skipped.length };
    },
    async read(signal) {
      const { name } = picture();
      const bytes = await source.read(picture(), signal);
      const inspected = inspectPicture(bytes);
      return { name, bytes: bytes.length, problem: inspected.ok ? null : inspected.problem };
    },
    sign:
      signedUrl === null
        ? null
        : async (signal) => {
            const why = await source.signingProblem();
            return why === null ? fetched(await signedUrl(picture()), signal) : { as: 'unsigned', why };
          },
  };
}

/** Fetches the first byte, as the provider fetches the whole. */
async function fetched(url: string, signal: AbortSignal): Promise<Signed> {
  try {
    const response = await fetch(url, { headers: { range: 'bytes=0-0' }, redirect: 'error', signal });
    await response.body?.cancel();
    return response.ok
      ? { as: 'signed' }
      : { as: 'refused', why: `The signed URL is refused with HTTP ${response.status}.` };
  } catch {
    return { as: 'refused', why: `The signed URL gets no answer from ${new URL(url).host}.` };
  }
}
