import type { BlockCause, FailureKind } from '../shared/types.ts';
import type { ModelError } from './ports.ts';

/** What a row of the table asks for. What depends on the route, the tries or the time is `failure.ts`'s to add. */
export type Decision =
  | { do: 'block'; cause: BlockCause; remedy: string }
  /** A 429: wait as told; a day's limit blocks, a request over the limit is recorded. */
  | { do: 'wait' }
  | { do: 'slow-down' }
  /** The provider could not fetch the URL. `otherwise`: what it means when the bytes were sent. */
  | { do: 'base64'; otherwise: 'record' | 'retry' }
  | { do: 'timeout' }
  | { do: 'reask'; kind: FailureKind }
  | { do: 'record'; kind: FailureKind; scope: 'prompt' | 'picture'; advice?: string }
  | { do: 'retry'; kind: FailureKind };

/** All that is given must hold. `code` is matched against the error's code and its type: servers swap the two. */
interface Match {
  origin?: ModelError['origin'];
  status?: readonly number[];
  code?: RegExp;
  param?: RegExp;
  message?: RegExp;
}

interface Row {
  /** One of them must match. */
  when: readonly Match[];
  then: Decision;
}

/** Code that our adapter gives when a simulator answers where a real model should, or the other way round. */
export const SIMULATED_MISMATCH = 'simulated_mismatch';

/** Code that our adapter gives when HTTP 200 carries no message of the API. */
export const MALFORMED_RESPONSE = 'malformed_response';

/**
 * The first row that matches decides. Codes and texts are those of OpenAI's Responses and chat APIs
 * (https://platform.openai.com/docs/guides/error-codes, `ResponseError.code` in the `openai` package) and, where a
 * comment names one, of servers that speak the same API. Match on code and on text: codes differ by endpoint.
 */
const TABLE: readonly Row[] = [
  {
    when: [{ code: exactly(SIMULATED_MISMATCH) }],
    then: {
      do: 'block',
      cause: 'place',
      remedy: 'Point the worker at the right server, or say that the account is simulated.',
    },
  },
  // Before 403 and 404: OpenRouter gives these two for one picture or for a model without vision.
  {
    when: [{ status: [403], message: /\bflagged\b|\bmoderation\b/i }],
    then: { do: 'reask', kind: 'Refused' },
  },
  {
    when: [
      { message: /Expected a base64-encoded data URL/i },
      {
        message:
          /\b(?:not|n't|found that) support (?:image|vision)|\bimage_url is only supported by certain models/i,
      },
      { message: /\bnot a (?:multimodal|vision) model\b/i },
    ],
    then: {
      do: 'record',
      kind: 'NoVision',
      scope: 'picture',
      advice: 'The model may be one that takes no pictures: choose another.',
    },
  },
  {
    // The last two: Gemini answers 400 to a wrong key.
    when: [
      { status: [401] },
      { code: exactly('invalid_api_key|authentication_error') },
      { message: /\bAPI key not valid\b|\bIncorrect API key\b/i },
    ],
    then: {
      do: 'block',
      cause: 'key',
      remedy: 'Give the worker a valid key in OPENAI_API_KEY and start it again.',
    },
  },
  {
    when: [{ status: [403] }],
    then: {
      do: 'block',
      cause: 'permission',
      remedy: "Give the key's project access to this model and API, or use another key.",
    },
  },
  {
    // The second: Ollama and vLLM.
    when: [{ code: exactly('model_not_found') }, { status: [404], message: /\bmodel\b/i }],
    then: {
      do: 'block',
      cause: 'permission',
      remedy: "Give the key's project access to the model, or start a run with another MODEL.",
    },
  },
  {
    // 402: OpenRouter and others.
    when: [
      {
        code: exactly(
          'insufficient_quota|billing_hard_limit_reached|billing_not_active|credit_balance_exhausted|' +
            '\\w*_?spend_limit_exceeded|organization_usage_limit_exceeded',
        ),
      },
      // Gemini says the same of a minute's limit, and then when to ask again.
      { status: [429], message: /\bexceeded your current quota\b(?![^]*\bretry in\b)/i },
      { status: [402] },
    ],
    then: {
      do: 'block',
      cause: 'quota',
      remedy: 'Add credit or raise the spending limit on the billing page of the account.',
    },
  },
  {
    // 413 with "Requested": Groq's way to say that one request is over the limit.
    when: [
      { status: [429] },
      { code: exactly('rate_limit_exceeded') },
      { message: /\bRequest too large\b[^]*\bLimit\b[^]*\bRequested\b/i },
    ],
    then: { do: 'wait' },
  },
  {
    when: [{ status: [503], message: /\bslow ?down\b/i }, { code: exactly('slow_down') }],
    then: { do: 'slow-down' },
  },
  { when: [{ origin: 'timeout' }], then: { do: 'timeout' } },
  {
    when: [
      { message: /\bTimeout while downloading\b|\bError while downloading\b|\bFailed to download image\b/i },
      { code: exactly('failed_to_download_image') },
    ],
    then: { do: 'base64', otherwise: 'retry' },
  },
  {
    when: [
      { code: exactly('invalid_image_url') },
      { code: exactly('invalid_value'), param: /(?:^|[._])url$/i },
    ],
    then: { do: 'base64', otherwise: 'record' },
  },
  {
    when: [
      {
        code: exactly(
          'invalid_image|invalid_image_format|invalid_base64_image|invalid_image_mode|image_parse_error|' +
            'image_too_large|image_file_too_large|image_too_small|image_file_not_found|empty_image_file|' +
            'unsupported_image_media_type',
        ),
      },
      { message: /\bnot represent a valid image\b|\bunsupported image\b/i },
    ],
    then: { do: 'record', kind: 'InvalidImage', scope: 'picture' },
  },
  {
    when: [{ status: [413] }],
    then: { do: 'record', kind: 'RequestTooLarge', scope: 'picture', advice: 'Use smaller pictures.' },
  },
  {
    when: [
      { code: exactly('image_content_policy_violation|content_policy_violation|content_filter|bio_policy') },
      { message: /\bnot allowed by our safety system\b/i },
    ],
    then: { do: 'reask', kind: 'Refused' },
  },
  {
    when: [{ code: exactly('context_length_exceeded') }, { message: /\bmaximum context length\b/i }],
    then: { do: 'record', kind: 'ContextTooLong', scope: 'prompt' },
  },
  { when: [{ origin: 'aborted' }], then: { do: 'retry', kind: 'Lost' } },
  {
    when: [
      { origin: 'connection' },
      { status: [408, 409, 500, 502, 503, 504] },
      // Cloudflare's 520 to 530 are a failed way to the provider, 529 is "overloaded".
      { status: [520, 521, 522, 523, 524, 525, 526, 527, 529, 530] },
      { code: exactly(`server_error|internal_error|overloaded_error|${MALFORMED_RESPONSE}`) },
    ],
    then: { do: 'retry', kind: 'ProviderError' },
  },
  {
    // No picture and no question brings these about: the base URL is wrong for every call.
    when: [{ status: [301, 302, 303, 307, 308, 404, 405] }],
    then: {
      do: 'block',
      cause: 'place',
      remedy:
        'Check OPENAI_BASE_URL and MODEL_API: the server does not know this address, or sends elsewhere.',
    },
  },
];

const UNKNOWN: Decision = { do: 'record', kind: 'Unclassified', scope: 'prompt' };

/** What the table says about an error. */
export function decisionFor(error: ModelError): Decision {
  return TABLE.find((row) => row.when.some((match) => matches(match, error)))?.then ?? UNKNOWN;
}

function matches(match: Match, error: ModelError): boolean {
  return (
    (match.origin === undefined || match.origin === error.origin) &&
    (match.status === undefined || (error.status !== null && match.status.includes(error.status))) &&
    (match.code === undefined || match.code.test(error.code ?? '') || match.code.test(error.type ?? '')) &&
    (match.param === undefined || match.param.test(error.param ?? '')) &&
    (match.message === undefined || match.message.test(error.message))
  );
}

function exactly(alternatives: string): RegExp {
  return new RegExp(`^(?:${alternatives})$`, 'i');
}
