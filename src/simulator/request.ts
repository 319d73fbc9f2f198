import { z } from 'zod';

const detail = z.enum(['low', 'high', 'auto', 'original']);
const effort = z.enum(['none', 'minimal', 'low', 'medium', 'high', 'xhigh']);
const schemaName = z
  .string()
  .max(64)
  .regex(/^[a-zA-Z0-9_-]+$/);
const jsonSchema = z.record(z.string(), z.unknown());

/** Parameters that both APIs share. `stream: true` is not simulated. */
const shared = {
  model: z.string(),
  store: z.boolean().nullish(),
  prompt_cache_key: z.string().max(64).nullish(),
  prompt_cache_retention: z.enum(['in-memory', '24h']).nullish(),
  safety_identifier: z.string().max(64).nullish(),
  service_tier: z.enum(['auto', 'default', 'flex', 'priority']).nullish(),
  temperature: z.number().min(0).max(2).nullish(),
  top_p: z.number().min(0).max(1).nullish(),
  metadata: z.record(z.string(), z.string()).nullish(),
  user: z.string().nullish(),
  stream: z.literal(false).nullish(),
};

const inputText = z.strictObject({ type: z.literal('input_text'), text: z.string() });
const inputImage = z.strictObject({
  type: z.literal('input_image'),
  image_url: z.string(),
  detail: detail.default('auto'),
});

/** Body of `POST /v1/responses`, as far as pictures and questions need it. */
export const responsesBody = z.strictObject({
  ...shared,
  instructions: z.string().nullish(),
  input: z.union([
    z.string(),
    z.array(
      z.strictObject({
        type: z.literal('message').optional(),
        role: z.enum(['user', 'system', 'developer']),
        content: z.union([z.string(), z.array(z.discriminatedUnion('type', [inputText, inputImage]))]),
      }),
    ),
  ]),
  text: z
    .strictObject({
      format: z
        .discriminatedUnion('type', [
          z.strictObject({ type: z.literal('text') }),
          z.strictObject({
            type: z.literal('json_schema'),
            name: schemaName,
            schema: jsonSchema,
            strict: z.boolean().nullish(),
            description: z.string().optional(),
          }),
        ])
        .optional(),
      verbosity: z.enum(['low', 'medium', 'high']).nullish(),
    })
    .optional(),
  max_output_tokens: z.int().min(16).nullish(),
  reasoning: z
    .strictObject({ effort: effort.nullish(), summary: z.enum(['auto', 'concise', 'detailed']).nullish() })
    .nullish(),
  truncation: z.enum(['auto', 'disabled']).nullish(),
  parallel_tool_calls: z.boolean().nullish(),
});

const chatText = z.strictObject({ type: z.literal('text'), text: z.string() });
const chatImage = z.strictObject({
  type: z.literal('image_url'),
  image_url: z.strictObject({ url: z.string(), detail: detail.default('auto') }),
});

/** Body of `POST /v1/chat/completions`, as far as pictures and questions need it. */
export const chatBody = z.strictObject({
  ...shared,
  messages: z.array(
    z.strictObject({
      role: z.enum(['user', 'system', 'developer']),
      content: z.union([z.string(), z.array(z.discriminatedUnion('type', [chatText, chatImage]))]),
      name: z.string().optional(),
    }),
  ),
  response_format: z
    .discriminatedUnion('type', [
      z.strictObject({ type: z.literal('text') }),
      z.strictObject({
        type: z.literal('json_schema'),
        json_schema: z.strictObject({
          name: schemaName,
          schema: jsonSchema,
          strict: z.boolean().nullish(),
          description: z.string().optional(),
        }),
      }),
    ])
    .optional(),
  max_completion_tokens: z.int().min(1).nullish(),
  max_tokens: z.int().min(1).nullish(),
  reasoning_effort: effort.nullish(),
  verbosity: z.enum(['low', 'medium', 'high']).nullish(),
  seed: z.int().nullish(),
  n: z.literal(1).nullish(),
});

export type ResponsesBody = z.infer<typeof responsesBody>;
export type ChatBody = z.infer<typeof chatBody>;
