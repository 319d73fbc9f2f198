import type { Usage } from '../shared/types.ts';
import type { Api } from './parse.ts';

/** What the model produced, before it is dressed for one of the APIs. */
export interface Output {
  text: string;
  refusal: string | null;
  finish: 'stop' | 'length' | 'filter';
  usage: Usage;
}

/** The body of a 200 of either API. */
export function replyBody(
  api: Api,
  call: { model: string; echo: Record<string, unknown> },
  output: Output,
  id: string,
  at: number,
): Record<string, unknown> {
  return api === 'responses' ? responsesReply(call, output, id, at) : chatReply(call, output, id, at);
}

/** HTTP 200 that holds an error: a failed response, or what some servers send in chat completions. */
export function errorInside(
  api: Api,
  call: { model: string; echo: Record<string, unknown> },
  id: string,
  at: number,
) {
  const message = 'The model failed to generate a response.';
  if (api === 'chat')
    return { error: { message: 'Provider returned error', code: 502, metadata: { raw: message } } };
  return {
    id: `resp_${id}`,
    object: 'response',
    created_at: Math.floor(at / 1000),
    status: 'failed',
    error: { code: 'server_error', message },
    incomplete_details: null,
    model: call.model,
    output: [],
    ...call.echo,
    usage: null,
  };
}

function responsesReply(
  call: { model: string; echo: Record<string, unknown> },
  { text, refusal, finish, usage }: Output,
  id: string,
  at: number,
): Record<string, unknown> {
  const status = finish === 'stop' ? 'completed' : 'incomplete';
  return {
    id: `resp_${id}`,
    object: 'response',
    created_at: Math.floor(at / 1000),
    status,
    background: false,
    error: null,
    incomplete_details:
      finish === 'stop' ? null : { reason: finish === 'length' ? 'max_output_tokens' : 'content_filter' },
    model: call.model,
    output: [
      {
        id: `msg_${id}`,
        type: 'message',
        status,
        role: 'assistant',
        content:
          refusal === null
            ? [{ type: 'output_text', annotations: [], logprobs: [], text }]
            : [{ type: 'refusal', refusal }],
      },
    ],
    parallel_tool_calls: true,
    previous_response_id: null,
    service_tier: 'default',
    tool_choice: 'auto',
    tools: [],
    truncation: 'disabled',
    user: null,
    ...call.echo,
    usage: {
      input_tokens: usage.inputTokens,
      input_tokens_details: { cached_tokens: usage.cachedTokens },
      output_tokens: usage.outputTokens,
      output_tokens_details: { reasoning_tokens: 0 },
      total_tokens: usage.totalTokens,
    },
  };
}

function chatReply(
  call: { model: string },
  { text, refusal, finish, usage }: Output,
  id: string,
  at: number,
): Record<string, unknown> {
  return {
    id: `chatcmpl-${id}`,
    object: 'chat.completion',
    created: Math.floor(at / 1000),
    model: call.model,
    choices: [
      {
        index: 0,
        message: { role: 'assistant', content: refusal === null ? text : null, refusal, annotations: [] },
        logprobs: null,
        finish_reason: finish === 'filter' ? 'content_filter' : finish,
      },
    ],
    usage: {
      prompt_tokens: usage.inputTokens,
      completion_tokens: usage.outputTokens,
      total_tokens: usage.totalTokens,
      prompt_tokens_details: { cached_tokens: usage.cachedTokens, audio_tokens: 0 },
      completion_tokens_details: {
        reasoning_tokens: 0,
        audio_tokens: 0,
        accepted_prediction_tokens: 0,
        rejected_prediction_tokens: 0,
      },
    },
    service_tier: 'default',
    system_fingerprint: 'fp_simulated',
  };
}
