import { createHash } from 'node:crypto';
import type { ImageRef, Plan, Prompt } from '../shared/types.ts';
import { ANSWER_SCHEMA } from './answer.ts';

/** Is raised when the same request would be sent in other words, so that no answer to the old words is taken for the new. */
const REQUEST_VERSION = 1;

/**
 * What was asked, as 64 hexadecimal digits: two requests with the same key are the same to the model, whatever run or
 * worker sends them, by whatever route the picture goes and under whatever name it stands in its folder. The account's
 * label and key are no part of it; whether the account is simulated is.
 */
export function answerKey(plan: Plan, image: ImageRef, prompt: Prompt): string {
  const request = [
    REQUEST_VERSION,
    plan.account.provider,
    plan.account.endpoint,
    plan.account.simulated,
    plan.api,
    plan.model,
    plan.detail,
    plan.maxOutputTokens,
    plan.instructions,
    prompt.text,
    ANSWER_SCHEMA,
    image.identity,
  ];
  return createHash('sha256').update(JSON.stringify(request)).digest('hex');
}
