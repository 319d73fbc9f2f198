import path from 'node:path';
import { admissionTokens, imageTokens, knowsImageTokens, textTokens } from '../shared/image-tokens.ts';
import { ANSWER_SCHEMA, judgeReply, SCHEMA_CHARS } from '../activities/answer.ts';
import { classify } from '../activities/failure.ts';
import { dataUrl, inspectPicture } from '../activities/picture.ts';
import { type ImageSource, ModelError, type ModelRequest } from '../activities/ports.ts';
import type { Config } from '../config.ts';
import type { AskEvent, Estimate } from '../shared/single.ts';
import type { AskFailure, AskResult, ImageRef, Prompt, PromptSet, Route, RunInput } from '../shared/types.ts';
import { createParts } from './parts.ts';
import { loadPrompts } from './prompts-file.ts';

/**
 * Asks one picture (a file's absolute path, or `gs://bucket/object`) one question or all, without a run, a limiter or
 * a retry: for people who write prompts. A failed call is an event and does not end it. Throws a `SourceError` or an
 * Error that names what is wrong with the picture or the prompt.
 */
export async function* askPicture(
  config: Config,
  _logger: unknown,
  uri: string,
  options: { promptId?: string; prompts?: PromptSet },
): AsyncGenerator<AskEvent> {
  const parts = createParts(config);
  const set = options.prompts ?? (await loadPrompts(config.promptsFile));
  const prompts = chosen(set.prompts, options.promptId);
  const { source, image } = await locate(parts.openSource, uri);
  const bytes = await source.read(image);
  const picture = inspectPicture(bytes);
  if (!picture.ok) throw new Error(`${uri} cannot be asked about: ${picture.problem}`);
  const started = performance.now();
  const sign = config.route === 'url' && (await source.signingProblem()) === null ? source.signedUrl : null;
  const imageUrl = sign ? await sign(image) : dataUrl(bytes, picture.mediaType);
  const signMs = sign ? Math.round(performance.now() - started) : 0;
  const route: Route = sign ? 'url' : 'base64';
  const pictureTokens = imageTokens(config.model, config.detail, picture.width, picture.height);

  for (const prompt of prompts) {
    const request: ModelRequest = {
      model: config.model,
      api: config.api,
      instructions: set.instructions,
      question: prompt.text,
      schema: ANSWER_SCHEMA,
      imageUrl,
      detail: config.detail,
      maxOutputTokens: config.maxOutputTokens,
      cacheKey: image.identity.slice(-64),
    };
    const textChars = set.instructions.length + prompt.text.length + SCHEMA_CHARS;
    const charged = admissionTokens({
      textChars,
      imageTokens: pictureTokens,
      maxOutputTokens: config.maxOutputTokens,
    });
    const shown = `${image.name} (${picture.mediaType}, ${bytes.length} bytes, ${route === 'url' ? 'by signed URL' : 'as base64'})`;
    yield { type: 'request', prompt: prompt.id, route, body: { ...request, imageUrl: shown } };
    const at = new Date();
    const sent = performance.now();
    const elapsed = (): number => Math.round(performance.now() - sent);
    try {
      const reply = await parts.model.ask(request, new AbortController().signal);
      const expected = knowsImageTokens(config.model) ? pictureTokens : null;
      const judged = judgeReply(reply, { textChars, imageTokens: expected, learnedTextTokens: null });
      if (!judged.ok) {
        yield { type: 'failure', prompt: prompt.id, failure: failureOf(judged.problem, route) };
        continue;
      }
      const ms = elapsed();
      const billed = Math.max(charged, reply.usage?.totalTokens ?? 0);
      const result: AskResult = {
        ...judged.answer,
        sentAt: at.toISOString(),
        ms,
        route,
        usage: reply.usage,
        charged: billed,
        ...(reply.requestId === null ? {} : { requestId: reply.requestId }),
        model: reply.model,
        timings: { signMs, downloadMs: 0, encodeMs: 0, waitMs: 0, modelMs: ms },
        tries: [{ at: at.toISOString(), ms, route, status: 200, outcome: 'ok', charged: billed }],
      };
      yield { type: 'answer', prompt: prompt.id, raw: reply.text, result };
    } catch (err) {
      if (!(err instanceof ModelError)) throw err;
      yield { type: 'failure', prompt: prompt.id, failure: failureOf(err, route) };
    }
  }
}

function failureOf(problem: Parameters<typeof classify>[0], route: Route): AskFailure {
  const verdict = classify(problem, {
    route,
    tries: 1,
    fellBack: false,
    capRaised: false,
    reasked: false,
    now: Date.now(),
    random: Math.random,
  });
  const { kind, message, status, code, requestId } = verdict;
  return {
    kind,
    message: verdict.action === 'block' ? `${message} ${verdict.remedy}` : message,
    ...(status === null ? {} : { status }),
    ...(code === null ? {} : { code }),
    ...(requestId === null ? {} : { requestId }),
    tries: [],
  };
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

/** Pictures that are looked at for their size, spread over the listing's first page. */
const LOOKED_AT = 10;

/**
 * Lists everything, looks at some pictures' sizes and asks nothing. Needs no key. Throws a `SourceError`, or an Error
 * for a prompts file that cannot be used.
 */
export async function estimateRun(config: Config, input: RunInput): Promise<Estimate> {
  const parts = createParts(config);
  const source = parts.openSource(input.source, {
    include: input.include ?? [],
    exclude: input.exclude ?? [],
  });
  const { instructions, prompts } = input.prompts ?? (await loadPrompts(config.promptsFile));
  const model = input.model ?? config.model;
  const detail = input.detail ?? config.detail;
  const { images, skipped, sample } = await listAll(source, input.limit ?? Infinity);
  const pictureTokens = await meanPictureTokens(source, sample, (width, height) =>
    imageTokens(model, detail, width, height),
  );
  const chars = prompts.reduce(
    (sum, prompt) => sum + instructions.length + prompt.text.length + SCHEMA_CHARS,
    0,
  );
  const calls = images * prompts.length;
  const tokens = {
    image: Math.round(calls * pictureTokens),
    text: images * textTokens(chars),
    output: calls * config.maxOutputTokens,
    total: 0,
  };
  // What the limit counts for a call is the larger of text and output cap, and the picture.
  tokens.total = tokens.image + Math.max(tokens.text, tokens.output);
  const byTokens = (tokens.total / config.limits.tokensPerMinute) * 60_000;
  const byRequests = (calls / config.limits.requestsPerMinute) * 60_000;
  const signs =
    config.route === 'url' && source.signedUrl !== null && (await source.signingProblem()) === null;
  return {
    source: input.source,
    images,
    skipped,
    prompts: prompts.length,
    calls,
    model,
    detail,
    route: signs ? 'url' : 'base64',
    tokens,
    limits: config.limits,
    shortestMs: Math.max(byTokens, byRequests),
    bound: byTokens >= byRequests ? 'tokens' : 'requests',
  };
}

async function listAll(
  source: ImageSource,
  limit: number,
): Promise<{ images: number; skipped: number; sample: ImageRef[] }> {
  let cursor: string | null = null;
  let images = 0;
  let skipped = 0;
  let sample: ImageRef[] = [];
  do {
    const page = await source.list(cursor, Math.min(1_000, limit - images));
    if (images === 0) {
      const step = Math.max(1, Math.floor(page.images.length / LOOKED_AT));
      sample = page.images.filter((_, i) => i % step === 0).slice(0, LOOKED_AT);
    }
    images += page.images.length;
    skipped += page.skipped.length;
    cursor = page.next;
  } while (cursor !== null && images < limit);
  return { images, skipped, sample };
}

async function meanPictureTokens(
  source: ImageSource,
  sample: readonly ImageRef[],
  tokensOf: (width: number, height: number) => number,
): Promise<number> {
  const sizes = await Promise.all(sample.map(async (image) => inspectPicture(await source.read(image))));
  const tokens = sizes
    .filter((picture) => picture.ok)
    .map((picture) => tokensOf(picture.width, picture.height));
  if (tokens.length === 0) return tokensOf(1920, 1080);
  return tokens.reduce((sum, n) => sum + n, 0) / tokens.length;
}
