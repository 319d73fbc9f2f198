import type { ResponseCreateParamsNonStreaming } from 'openai/resources/responses/responses';
import { z } from 'zod';
import type { ModelRequest } from '../../activities/ports.ts';
import { cacheKey, reasoningEffort, responseIdOf, usageOf } from './openai-common.ts';
import type { Dialect, Message } from './openai-common.ts';

/** The request to the Responses API: instructions, then the picture, the question last. */
export function responsesBody(request: ModelRequest, dialect: Dialect): ResponseCreateParamsNonStreaming {
  const effort = reasoningEffort(request.model);
  return {
    model: request.model,
    instructions: request.instructions,
    input: [
      {
        role: 'user',
        content: [
          { type: 'input_image', image_url: request.imageUrl, detail: request.detail },
          { type: 'input_text', text: request.question },
        ],
      },
    ],
    text: {
      format: { type: 'json_schema', name: request.schema.name, schema: request.schema.schema, strict: true },
    },
    max_output_tokens: request.maxOutputTokens,
    ...(dialect === 'compatible'
      ? {}
      : {
          // Responses are kept for 30 days by default.
          store: false,
          prompt_cache_key: cacheKey(request.cacheKey),
          ...(effort === null ? {} : { reasoning: { effort } }),
        }),
  };
}

const content = z.looseObject({
  type: z.string(),
  text: z.string().optional().catch(undefined),
  refusal: z.string().optional().catch(undefined),
});

const item = z.looseObject({ content: z.array(content).optional().catch(undefined) });

const shape = z.looseObject({
  id: z.string().optional().catch(undefined),
  model: z.string().optional().catch(undefined),
  status: z.string().nullish().catch(null),
  incomplete_details: z.looseObject({ reason: z.string().nullish() }).nullish().catch(null),
  output: z.array(item),
  usage: z.unknown().optional(),
});

/** The message in the API's answer; a `string` says why it is none. */
export function readResponse(body: unknown): Message | string {
  const parsed = shape.safeParse(body);
  if (!parsed.success) return 'The server answered with something that is no response of the Responses API.';
  const { status, incomplete_details: incomplete, output, usage, model, id } = parsed.data;
  const finish = finishOf(status ?? 'completed', incomplete?.reason ?? '');
  if (finish === null)
    return `The response ended with status ${status ?? ''} ${incomplete?.reason ?? ''}`.trim();
  const parts = output.flatMap((message) => message.content ?? []);
  const refusals = parts.flatMap((part) => (part.type === 'refusal' ? [part.refusal ?? ''] : []));
  return {
    text: parts.map((part) => (part.type === 'output_text' ? (part.text ?? '') : '')).join(''),
    refusal: refusals.length === 0 ? null : refusals.join(' '),
    finish,
    usage: usageOf(usage),
    model: model ?? null,
    ...responseIdOf(id),
  };
}

function finishOf(status: string, reason: string): Message['finish'] | null {
  if (status === 'completed') return 'stop';
  if (status !== 'incomplete') return null;
  if (reason === 'max_output_tokens') return 'length';
  return reason === 'content_filter' ? 'filter' : null;
}
