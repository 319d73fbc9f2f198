import { SCHEMA_CHARS } from '../activities/answer.ts';
import { inspectPicture } from '../activities/picture.ts';
import { startLimits } from '../shared/limits.ts';
import type { ImageSource } from '../activities/ports.ts';
import type { Config } from '../config.ts';
import { imageTokens, textTokens } from '../shared/image-tokens.ts';
import type { Estimate } from '../shared/single.ts';
import type { ImageRef, RunInput } from '../shared/types.ts';
import { createParts } from './parts.ts';
import { loadPrompts } from './prompts-file.ts';

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
  const limits = startLimits(config.limits);
  const byTokens = (tokens.total / limits.tokensPerMinute) * 60_000;
  const byRequests = (calls / limits.requestsPerMinute) * 60_000;
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
    limits,
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
