import { z } from 'zod';
import { plain, redact } from '../shared/redact.ts';
import type { ModelAnswer, Usage } from '../shared/types.ts';
import type { ModelReply } from './ports.ts';

/**
 * What the model must answer, as strict JSON schema. Bounds (`minimum`, `maxLength`) are left to {@link readAnswer}:
 * OpenAI's strict mode takes them on some models only, and other servers refuse them
 * (https://platform.openai.com/docs/guides/structured-outputs, "Supported schemas").
 */
export const ANSWER_SCHEMA = {
  name: 'picture_answer',
  schema: {
    type: 'object',
    properties: {
      match: { type: 'boolean', description: 'Whether the picture shows what the question asks for.' },
      count: { type: 'integer', description: 'How many there are: 0 or more; 0 when there is no match.' },
      description: {
        type: 'string',
        description: 'What in the picture the answer rests on, in one to three sentences.',
      },
    },
    required: ['match', 'count', 'description'],
    additionalProperties: false,
  },
} as const satisfies { name: string; schema: Record<string, unknown> };

/** Characters of the schema, which the server counts as text of each call. */
export const SCHEMA_CHARS = JSON.stringify(ANSWER_SCHEMA.schema).length;

/** No street camera sees more; a greater number is a slip of the model. */
const MAX_COUNT = 1_000_000;

const MAX_DESCRIPTION = 2_000;

const answerShape = z.object({
  match: z.boolean(),
  count: z
    .int({ error: 'must be a whole number' })
    .min(0, { error: 'must be 0 or more' })
    .max(MAX_COUNT, { error: 'is implausibly large' }),
  description: z
    .string()
    .transform((text) => plain(text, MAX_DESCRIPTION).trim())
    .refine((text) => text !== '', { error: 'is empty' }),
});

/**
 * The answer in a reply's text. Takes a Markdown fence around the JSON and ignores further fields; corrects nothing
 * else, so that what a person reads is what the model said. `problem` says what is wrong, with the text's beginning.
 */
export function readAnswer(text: string): { ok: true; answer: ModelAnswer } | { ok: false; problem: string } {
  let value: unknown;
  try {
    value = JSON.parse(withoutFence(text));
  } catch {
    const beginning = redact(text, [], 120).trim();
    return {
      ok: false,
      problem: beginning === '' ? 'The answer is empty.' : `The answer is not JSON: ${beginning}`,
    };
  }
  const parsed = answerShape.safeParse(value);
  if (parsed.success) return { ok: true, answer: parsed.data };
  const issues = parsed.error.issues.map((issue) => `${issue.path.join('.') || 'answer'}: ${issue.message}`);
  return { ok: false, problem: redact(`The answer is not of the schema: ${issues.join('; ')}`, [], 300) };
}

/** Cut by place, not by one pattern over it all: that would take minutes for a text of many line ends. */
function withoutFence(text: string): string {
  const trimmed = text.trim();
  const start = /^```(?:json)?/i.exec(trimmed)?.[0].length ?? 0;
  return start > 0 && trimmed.length >= start + 3 && trimmed.endsWith('```')
    ? trimmed.slice(start, -3)
    : trimmed;
}

/** What a call was expected to be charged for. */
export interface ExpectedCharge {
  /** Characters of the instructions and the question. */
  textChars: number;
  /** The picture's tokens by size and model family; `null` where no formula is known for the model. */
  imageTokens: number | null;
  /**
   * What the same text costs without its picture: the input tokens of an earlier answer to the same question, less
   * `imageTokens`. Only from a picture with the **same** `imageTokens`, so that an estimate that is wrong for the model
   * is wrong on both sides and cancels out; `null` while there was none. 0 or less (an estimate that is far too high)
   * counts as none.
   */
  learnedTextTokens: number | null;
}

/** English and JSON have four characters a token and more; so few tokens cannot hold the text. */
const MAX_CHARS_PER_TOKEN = 5.5;

/** So many tokens are not the text alone, at three characters a token and the schema's own. */
const MIN_CHARS_PER_TOKEN = 3;
const SCHEMA_TOKENS = 300;

/**
 * Whether `usage` shows that the picture was charged for, and so that the model saw it. `unknown` where the server
 * reports no usage or no formula is known. Errs towards `yes`: half the picture's estimate is enough, and so is more
 * than the text alone can cost, because estimates for new models and other servers are off by far.
 */
export function pictureCharged(usage: Usage | null, expected: ExpectedCharge): 'yes' | 'no' | 'unknown' {
  const { textChars, imageTokens } = expected;
  if (usage === null || imageTokens === null || imageTokens <= 0) return 'unknown';
  const learned = (expected.learnedTextTokens ?? 0) > 0 ? expected.learnedTextTokens : null;
  const least = (learned ?? textChars / MAX_CHARS_PER_TOKEN) + imageTokens / 2;
  const textAlone = textChars / MIN_CHARS_PER_TOKEN + SCHEMA_TOKENS;
  const enough = learned === null ? Math.min(least, textAlone) : least;
  return usage.inputTokens >= enough ? 'yes' : 'no';
}

/** Why a reply with HTTP 200 is no answer. The message is redacted, for a person. */
export interface ReplyProblem {
  problem: 'unseen' | 'refused' | 'filtered' | 'truncated' | 'invalid';
  message: string;
  requestId: string | null;
}

/**
 * The answer of a reply, or why it has none. A picture that was not charged for comes first: whatever the model says
 * about it, also that it declines, is made up.
 */
export function judgeReply(
  reply: ModelReply,
  expected: ExpectedCharge,
): { ok: true; answer: ModelAnswer } | { ok: false; problem: ReplyProblem } {
  const bad = (problem: ReplyProblem['problem'], message: string): { ok: false; problem: ReplyProblem } => ({
    ok: false,
    problem: { problem, message, requestId: reply.requestId },
  });
  if (pictureCharged(reply.usage, expected) === 'no') {
    const charged = `${reply.usage?.inputTokens ?? 0} input tokens were charged`;
    return bad(
      'unseen',
      `The model did not see the picture: ${charged}, the picture alone is about ${expected.imageTokens ?? 0}.`,
    );
  }
  if (reply.refusal !== null) return bad('refused', `The model declined: ${redact(reply.refusal, [], 300)}`);
  if (reply.finish === 'filter') return bad('filtered', 'The content filter ended the answer.');
  if (reply.finish === 'length') return bad('truncated', 'The answer was cut off by the output cap.');
  const read = readAnswer(reply.text);
  return read.ok ? read : bad('invalid', read.problem);
}
