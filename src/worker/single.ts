import path from 'node:path';
import { admissionTokens, imageTokens, knowsImageTokens } from '../shared/image-tokens.ts';
import { ANSWER_SCHEMA, judgeReply, SCHEMA_CHARS } from '../activities/answer.ts';
import { aloneBy, classify, recorded, type Verdict } from '../activities/failure.ts';
import { dataUrl, inspectPicture } from '../activities/picture.ts';
import {
  type ImageSource,
  type Model,
  ModelError,
  type ModelReply,
  type ModelRequest,
} from '../activities/ports.ts';
import type { Config } from '../config.ts';
import type { AskEvent } from '../shared/single.ts';
import type {
  AskFailure,
  AskResult,
  ImageRef,
  ModelAnswer,
  Prompt,
  PromptSet,
  Route,
} from '../shared/types.ts';
import { createParts } from './parts.ts';
import { loadPrompts } from './prompts-file.ts';

/**
 * Asks one picture (a file's absolute path, or `gs://bucket/object`) one question or all, without a run, a limiter or
 * a retry: for people who write prompts. A failed call is an event and does not end it. Throws a `SourceError` or an
 * Error that names what is wrong with the picture or the prompt.
 */
export async function* askPicture(
  config: Config,
  uri: string,
  options: { promptId?: string; prompts?: PromptSet },
): AsyncGenerator<AskEvent> {
  const parts = createParts(config);
  const set = options.prompts ?? (await loadPrompts(config.promptsFile));
  const prompts = chosen(set.prompts, options.promptId);
  const { source, image } = await locate(parts.openSource, uri);
  const reading = performance.now();
  const bytes = await source.read(image);
  const downloadMs = Math.round(performance.now() - reading);
  const picture = inspectPicture(bytes);
  if (!picture.ok) throw new Error(`${uri} cannot be asked about: ${picture.problem}`);
  const byBytes: Way = {
    route: 'base64',
    imageUrl: dataUrl(bytes, picture.mediaType),
    timings: { signMs: 0, downloadMs },
  };
  const pictureTokens = imageTokens(config.model, config.detail, picture.width, picture.height);
  const first = (await byUrl(config, source, image)) ?? byBytes;

  for (const prompt of prompts) {
    const textChars = set.instructions.length + prompt.text.length + SCHEMA_CHARS;
    const expected = knowsImageTokens(config.model) ? pictureTokens : null;
    const cost = { textChars, imageTokens: pictureTokens, maxOutputTokens: config.maxOutputTokens };
    for (let way: Way | null = first; way !== null;) {
      const { route, imageUrl, fallback, timings } = way;
      way = null;
      const request = requestOf(config, set, prompt, image, imageUrl);
      const how = route === 'url' ? 'by signed URL' : 'as base64';
      const shown = `${image.name} (${picture.mediaType}, ${bytes.length} bytes, ${how})`;
      yield { type: 'request', prompt: prompt.id, route, body: { ...request, imageUrl: shown } };
      const at = new Date().toISOString();
      const sent = performance.now();
      const answered = await askOnce(parts.model, request, { textChars, imageTokens: expected });
      if (!answered.ok) {
        const verdict = classify(answered.problem, aloneBy(route));
        if (verdict.action === 'base64') way = { ...byBytes, fallback: verdict.reason };
        yield { type: 'failure', prompt: prompt.id, failure: failureOf(verdict) };
        continue;
      }
      const { reply, answer } = answered;
      const ms = Math.round(performance.now() - sent);
      const charged = Math.max(admissionTokens(cost), reply.usage?.totalTokens ?? 0);
      const result: AskResult = {
        ...answer,
        sentAt: at,
        ms,
        route,
        ...(fallback === undefined ? {} : { fallback }),
        usage: reply.usage,
        charged,
        ...(reply.requestId === null ? {} : { requestId: reply.requestId }),
        model: reply.model,
        timings: { ...timings, encodeMs: 0, waitMs: 0, modelMs: ms },
        tries: [{ at, ms, route, status: 200, outcome: 'ok', charged }],
      };
      yield { type: 'answer', prompt: prompt.id, raw: reply.text, result };
    }
  }
}

/** One way for a picture to travel. */
interface Way {
  route: Route;
  imageUrl: string;
  timings: { signMs: number; downloadMs: number };
  /** Why a URL was given up for it. */
  fallback?: string;
}

/** By signed URL, where the settings want it and the source can. */
async function byUrl(config: Config, source: ImageSource, image: ImageRef): Promise<Way | null> {
  if (config.route !== 'url' || source.signedUrl === null || (await source.signingProblem()) !== null)
    return null;
  const started = performance.now();
  const imageUrl = await source.signedUrl(image);
  const signMs = Math.round(performance.now() - started);
  return { route: 'url', imageUrl, timings: { signMs, downloadMs: 0 } };
}

function requestOf(
  config: Config,
  set: PromptSet,
  prompt: Prompt,
  image: ImageRef,
  imageUrl: string,
): ModelRequest {
  const { model, api, detail, maxOutputTokens } = config;
  const about = { instructions: set.instructions, question: prompt.text, schema: ANSWER_SCHEMA };
  return { model, api, ...about, imageUrl, detail, maxOutputTokens, cacheKey: image.identity.slice(-64) };
}

async function askOnce(
  model: Model,
  request: ModelRequest,
  expected: { textChars: number; imageTokens: number | null },
): Promise<
  | { ok: true; reply: ModelReply; answer: ModelAnswer }
  | { ok: false; problem: Parameters<typeof classify>[0] }
> {
  try {
    const reply = await model.ask(request, new AbortController().signal);
    const judged = judgeReply(reply, { ...expected, learnedTextTokens: null });
    return judged.ok ? { ok: true, reply, answer: judged.answer } : judged;
  } catch (err) {
    if (!(err instanceof ModelError)) throw err;
    return { ok: false, problem: err };
  }
}

/** A person who tries a prompt sees each failure; only the change to base64 is made for him. */
function failureOf(verdict: Verdict): AskFailure {
  const failure = recorded(verdict, []);
  return verdict.action === 'block'
    ? { ...failure, message: `${failure.message} ${verdict.remedy}` }
    : failure;
}

function chosen(prompts: readonly Prompt[], id: string | undefined): readonly Prompt[] {
  if (id === undefined) return prompts;
  const found = prompts.filter((prompt) => prompt.id === id);
  if (found.length > 0) return found;
  throw new Error(
    `there is no prompt ${JSON.stringify(id)}; there are ${prompts.map((prompt) => prompt.id).join(', ')}`,
  );
}

/** The one picture at an address, as its folder or bucket lists it. */
async function locate(
  openSource: ReturnType<typeof createParts>['openSource'],
  uri: string,
): Promise<{ source: ImageSource; image: ImageRef }> {
  const slash = uri.lastIndexOf('/');
  const name = uri.slice(slash + 1);
  const folder = uri.startsWith('gs://') ? uri.slice(0, slash + 1) : path.dirname(uri);
  // Only this name is let through, so that no other file is read.
  const source = openSource(folder, { include: [name.replace(/[\\*?[\]{}()!+@|]/g, '\\$&')], exclude: [] });
  let cursor: string | null = null;
  do {
    const page = await source.list(cursor, 1_000);
    const image = page.images.find((candidate) => candidate.name === name);
    if (image !== undefined) return { source, image };
    const skipped = page.skipped.find((candidate) => candidate.name === name);
    if (skipped !== undefined) throw new Error(`${uri} is passed over: ${skipped.reason}`);
    cursor = page.next;
  } while (cursor !== null);
  throw new Error(`${uri} is not there; give the path of a picture, or gs://bucket/object`);
}
