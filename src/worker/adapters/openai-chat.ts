import type { ChatCompletionCreateParamsNonStreaming } from 'openai/resources/chat/completions';
import { z } from 'zod';
import type { ModelRequest } from '../../activities/ports.ts';
import { cacheKey, reasoningEffort, responseIdOf, usageOf } from './openai-common.ts';
import type { Dialect, Message } from './openai-common.ts';

/** The request to the chat completions API: instructions, then the picture, the question last. */
export function chatBody(request: ModelRequest, dialect: Dialect): ChatCompletionCreateParamsNonStreaming {
  const effort = reasoningEffort(request.model);
  return {
    model: request.model,
    messages: [
      { role: 'system', content: request.instructions },
      {
        role: 'user',
        content: [
          { type: 'image_url', image_url: { url: request.imageUrl, detail: request.detail } },
          { type: 'text', text: request.question },
        ],
      },
    ],
    response_format: {
      type: 'json_schema',
      json_schema: { name: request.schema.name, schema: request.schema.schema, strict: true },
    },
    // OpenAI refuses the older name on models that reason; other servers know only that one.
    ...(dialect === 'compatible'
      ? { max_tokens: request.maxOutputTokens }
      : {
          max_completion_tokens: request.maxOutputTokens,
          store: false,
          prompt_cache_key: cacheKey(request.cacheKey),
          ...(effort === null ? {} : { reasoning_effort: effort }),
        }),
  };
}

const part = z.looseObject({ text: z.string().optional().catch(undefined) });

const choice = z.looseObject({
  finish_reason: z.string().nullish().catch(null),
  message: z.looseObject({
    content: z
      .union([z.string(), z.array(part)])
      .nullish()
      .catch(null),
    refusal: z.string().nullish().catch(null),
  }),
});

const shape = z.looseObject({
  id: z.string().optional().catch(undefined),
  model: z.string().optional().catch(undefined),
  choices: z.tuple([choice], z.unknown()),
  usage: z.unknown().optional(),
});

/** The message in the API's answer; a `string` says why it is none. */
export function readChat(body: unknown): Message | string {
  const parsed = shape.safeParse(body);
  if (!parsed.success) return 'The server answered with something that is no chat completion.';
  const [{ message, finish_reason: reason }] = parsed.data.choices;
  const content = message.content ?? '';
  return {
    text: typeof content === 'string' ? content : content.map((piece) => piece.text ?? '').join(''),
    refusal: message.refusal === '' ? null : (message.refusal ?? null),
    finish: reason === 'length' ? 'length' : reason === 'content_filter' ? 'filter' : 'stop',
    usage: usageOf(parsed.data.usage),
    model: parsed.data.model ?? null,
    ...responseIdOf(parsed.data.id),
  };
}
