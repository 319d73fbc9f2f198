import { createHash } from 'node:crypto';
import { z } from 'zod';
import type { ModelReply } from '../../activities/ports.ts';
import type { Usage } from '../../shared/types.ts';

/** `compatible`: another make of server, which refuses fields that only OpenAI knows. */
export type Dialect = 'openai' | 'compatible';

/** What both APIs' answers come down to. `model`: as the server spells it, where it does. */
export type Message = Pick<ModelReply, 'text' | 'refusal' | 'finish' | 'usage' | 'responseId'> & {
  model: string | null;
};

/** OpenAI's own servers, those of its regions included. */
export function isOpenAi(baseUrl: string): boolean {
  return URL.canParse(baseUrl) && /^(?:[\w-]+\.)?api\.openai\.com$/.test(new URL(baseUrl).hostname);
}

/**
 * Models that reason and can be told not to, by name (developers.openai.com/api/docs/models, "reasoning.effort
 * supports: none", and the API's own "Supported values are: 'none', …", November 2026). The codex, pro and chat
 * models of the same numbers refuse it.
 */
const TAKES_NONE = /^gpt-(?:5\.[1-9](?:-(?:mini|nano|sol|terra|luna))?|6-luna)(?:-\d{4}-\d{2}-\d{2})?$/;

/** The first models that reason, whose least effort is `minimal` (same source). */
const TAKES_MINIMAL = /^gpt-5(?:-(?:mini|nano))?(?:-\d{4}-\d{2}-\d{2})?$/;

/** The least effort that the model takes; `null` for one that does not reason, or of which nothing is known. */
export function reasoningEffort(model: string): 'none' | 'minimal' | null {
  if (TAKES_NONE.test(model)) return 'none';
  return TAKES_MINIMAL.test(model) ? 'minimal' : null;
}

/** `prompt_cache_key` is refused above 64 characters. */
export function cacheKey(key: string): string {
  return key.length <= 64 ? key : createHash('sha256').update(key).digest('hex');
}

const ID = /^[\w-]{1,100}$/;

/** The answer's id, where it can be one. */
export const responseIdOf = (id: string | undefined): Pick<Message, 'responseId'> =>
  id !== undefined && ID.test(id) ? { responseId: id } : {};

const tokens = z.number().int().nonnegative().optional().catch(undefined);

const details = z.looseObject({ cached_tokens: tokens }).nullish().catch(null);

const usageShape = z.looseObject({
  input_tokens: tokens,
  prompt_tokens: tokens,
  output_tokens: tokens,
  completion_tokens: tokens,
  total_tokens: tokens,
  input_tokens_details: details,
  prompt_tokens_details: details,
});

/** Tokens as billed, from either API's `usage`; `null` where there is none, or one of zeros. */
export function usageOf(usage: unknown): Usage | null {
  const parsed = usageShape.safeParse(usage);
  if (!parsed.success) return null;
  const u = parsed.data;
  const inputTokens = u.input_tokens ?? u.prompt_tokens ?? 0;
  const outputTokens = u.output_tokens ?? u.completion_tokens ?? 0;
  if (inputTokens === 0) return null;
  return {
    inputTokens,
    cachedTokens: u.input_tokens_details?.cached_tokens ?? u.prompt_tokens_details?.cached_tokens ?? 0,
    outputTokens,
    totalTokens: u.total_tokens ?? inputTokens + outputTokens,
  };
}
