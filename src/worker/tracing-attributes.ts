import type { Attributes } from '@opentelemetry/api';
import type { ModelError, ModelReply, ModelRequest } from '../activities/ports.ts';

/**
 * A call to the model in the names of OpenTelemetry's semantic conventions for generative AI, for OpenAI and for HTTP
 * (opentelemetry.io/docs/specs/semconv/gen-ai, November 2026). What they let one opt in to, messages and instructions,
 * is left out on purpose, as is every other text that came from a person, a picture or the model.
 */
export const requestAttributes = ({ model, api, maxOutputTokens }: ModelRequest): Attributes => ({
  'gen_ai.operation.name': 'chat',
  'gen_ai.provider.name': 'openai',
  'gen_ai.request.model': model,
  'gen_ai.request.max_tokens': maxOutputTokens,
  'gen_ai.output.type': 'json',
  'openai.api.type': api === 'chat' ? 'chat_completions' : 'responses',
});

export function replyAttributes(reply: ModelReply): Attributes {
  const { usage, requestId, responseId = null } = reply;
  return {
    'gen_ai.response.model': reply.model,
    'gen_ai.response.finish_reasons': [reply.finish === 'filter' ? 'content_filter' : reply.finish],
    ...(responseId === null ? {} : { 'gen_ai.response.id': responseId }),
    ...requestIdAttributes(requestId),
    ...(usage === null
      ? {}
      : {
          'gen_ai.usage.input_tokens': usage.inputTokens,
          'gen_ai.usage.output_tokens': usage.outputTokens,
          'gen_ai.usage.cache_read.input_tokens': usage.cachedTokens,
        }),
  };
}

/** `error.type`: the API's code, else the status, else why there was no answer. */
export const errorAttributes = ({ code, status, origin, requestId }: ModelError): Attributes => ({
  'error.type': code !== null && /^\w{1,64}$/.test(code) ? code : String(status ?? origin),
  ...(status === null ? {} : { 'http.response.status_code': status }),
  ...requestIdAttributes(requestId),
});

/** Host and port of the model's server. Its path and its query say nothing that is not known, so no URL is needed. */
export function serverAttributes(baseUrl: string): Attributes {
  const { hostname, port, protocol } = new URL(baseUrl);
  return {
    'server.address': hostname.replace(/^\[(.*)\]$/, '$1'),
    'server.port': Number(port) || (protocol === 'https:' ? 443 : 80),
  };
}

const requestIdAttributes = (requestId: string | null): Attributes =>
  requestId === null ? {} : { 'http.response.header.x-request-id': [requestId] };
