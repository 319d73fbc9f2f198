import type { Detail } from '../shared/types.ts';
import { ApiFailure, invalidRequest } from './errors.ts';
import { unsupportedParameter } from './models.ts';
import { describeIssue } from './request-errors.ts';
import { chatBody, responsesBody, type ChatBody, type ResponsesBody } from './request.ts';

export type Api = 'responses' | 'chat';

/** What the simulator needs of a call, whichever API it came by. */
export interface ParsedCall {
  model: string;
  /** Everything that comes before the picture: the prefix that prompt caching compares, without the picture. */
  prefix: string;
  /** The text after the picture, or the last text when nothing follows it. */
  question: string;
  /** Characters of all texts and the schema. */
  textChars: number;
  image: { url: string; detail: Detail; param: string } | null;
  /** `null`: no cap was given. */
  maxOutputTokens: number | null;
  /** The answer is to be JSON of a schema; otherwise it is plain text. */
  structured: boolean;
  /** What the Responses API repeats in its reply. */
  echo: Record<string, unknown>;
}

/** Checks a body as strictly as the provider does. Throws an {@link ApiFailure}. */
export function parseCall(api: Api, body: unknown): ParsedCall {
  const call =
    api === 'responses' ? fromResponses(checked(responsesBody, body)) : fromChat(checked(chatBody, body));
  if (call.textChars === 0 && call.image === null) {
    const param = api === 'responses' ? 'input' : 'messages';
    throw new ApiFailure(
      invalidRequest(`Missing required parameter: '${param}'.`, param, 'missing_required_parameter'),
    );
  }
  return call;
}

type Checker<T> = {
  safeParse(
    body: unknown,
  ): { success: true; data: T } | { success: false; error: Parameters<typeof describeIssue>[0] };
};

function checked<T>(schema: Checker<T>, body: unknown): T {
  const result = schema.safeParse(body);
  if (!result.success) throw new ApiFailure(describeIssue(result.error, body));
  return result.data;
}

type Part = { text: string } | { url: string; detail: string; param: string };

function fromResponses(body: ResponsesBody): ParsedCall {
  refuseUnsupported(body.model, {
    effort: body.reasoning?.effort ?? null,
    effortParam: 'reasoning.effort',
    temperature: typeof body.temperature === 'number',
    maxTokens: false,
  });
  const format = body.text?.format;
  const schema = format?.type === 'json_schema' ? format : null;
  if (schema?.strict === true) checkStrict(schema.name, schema.schema, 'text.format.schema');
  const messages = typeof body.input === 'string' ? [{ content: body.input }] : body.input;
  const parts = messages.flatMap((message, m): Part[] =>
    typeof message.content === 'string'
      ? [{ text: message.content }]
      : message.content.map((part, p) =>
          part.type === 'input_text'
            ? { text: part.text }
            : { url: part.image_url, detail: part.detail, param: `input[${m}].content[${p}].image_url` },
        ),
  );
  return {
    ...summed(body.model, body.instructions ?? '', schema?.schema ?? null, parts),
    maxOutputTokens: body.max_output_tokens ?? null,
    echo: {
      instructions: body.instructions ?? null,
      max_output_tokens: body.max_output_tokens ?? null,
      prompt_cache_key: body.prompt_cache_key ?? null,
      reasoning: { effort: body.reasoning?.effort ?? null, summary: null },
      store: body.store ?? true,
      temperature: body.temperature ?? 1,
      text: body.text ?? { format: { type: 'text' } },
      top_p: body.top_p ?? 1,
      metadata: body.metadata ?? {},
    },
  };
}

function fromChat(body: ChatBody): ParsedCall {
  refuseUnsupported(body.model, {
    effort: body.reasoning_effort ?? null,
    effortParam: 'reasoning_effort',
    temperature: typeof body.temperature === 'number',
    maxTokens: typeof body.max_tokens === 'number',
  });
  const format = body.response_format;
  const schema = format?.type === 'json_schema' ? format.json_schema : null;
  if (schema?.strict === true) checkStrict(schema.name, schema.schema, 'response_format');
  const parts = body.messages.flatMap((message, m): Part[] =>
    typeof message.content === 'string'
      ? [{ text: message.content }]
      : message.content.map((part, p) =>
          part.type === 'text'
            ? { text: part.text }
            : {
                url: part.image_url.url,
                detail: part.image_url.detail,
                param: `messages[${m}].content[${p}].image_url.url`,
              },
        ),
  );
  return {
    ...summed(body.model, '', schema?.schema ?? null, parts),
    maxOutputTokens: body.max_completion_tokens ?? body.max_tokens ?? null,
    echo: {},
  };
}

function summed(model: string, instructions: string, schema: Record<string, unknown> | null, parts: Part[]) {
  const images = parts.filter((part) => 'url' in part);
  const [image] = images;
  if (images.length > 1) {
    const message = 'The simulator takes one picture a request.';
    throw new ApiFailure(invalidRequest(message, images[1]?.param ?? null, 'invalid_value'));
  }
  const schemaText = schema === null ? '' : JSON.stringify(schema);
  const texts = (some: Part[]): string[] => some.flatMap((part) => ('text' in part ? [part.text] : []));
  const at = image === undefined ? parts.length : parts.indexOf(image);
  const before = texts(parts.slice(0, at));
  const after = texts(parts.slice(at + 1));
  return {
    model,
    prefix: [instructions, schemaText, ...before].join('\n'),
    question: after.length > 0 ? after.join('\n') : (before.at(-1) ?? ''),
    textChars: [instructions, schemaText, ...before, ...after].reduce((sum, text) => sum + text.length, 0),
    image: image === undefined ? null : { url: image.url, detail: priced(image.detail), param: image.param },
    structured: schema !== null,
  };
}

/** `original`, which newer models take, is charged as `high` for pictures within the budget. */
const priced = (detail: string): Detail => (detail === 'low' || detail === 'auto' ? detail : 'high');

function refuseUnsupported(model: string, used: Parameters<typeof unsupportedParameter>[1]): void {
  const refused = unsupportedParameter(model, used);
  if (refused !== null) throw new ApiFailure(refused);
}

/** Strict mode's two rules for objects: nothing additional, everything required. */
function checkStrict(name: string, schema: Record<string, unknown>, param: string, context = '()'): void {
  const refuse = (rule: string): never => {
    const message = `Invalid schema for response_format '${name}': In context=${context}, ${rule}`;
    throw new ApiFailure(invalidRequest(message, param, 'invalid_json_schema'));
  };
  if (schema.type === 'object') {
    if (schema.additionalProperties !== false) {
      refuse("'additionalProperties' is required to be supplied and to be false.");
    }
    const required = Array.isArray(schema.required) ? schema.required : [];
    const missing = Object.keys(properties(schema)).find((key) => !required.includes(key));
    if (missing !== undefined) {
      refuse(
        `'required' is required to be supplied and to be an array including every key in properties. Missing '${missing}'.`,
      );
    }
  }
  for (const [key, inner] of Object.entries(properties(schema))) {
    if (typeof inner === 'object' && inner !== null) {
      checkStrict(name, inner as Record<string, unknown>, param, `('properties', '${key}')`);
    }
  }
}

const properties = (schema: Record<string, unknown>): Record<string, unknown> =>
  typeof schema.properties === 'object' && schema.properties !== null
    ? (schema.properties as Record<string, unknown>)
    : {};
