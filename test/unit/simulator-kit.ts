import { readFileSync, readdirSync } from 'node:fs';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';
import { startSimulator, type Simulator, type SimulatorOptions } from '../../src/simulator/server.ts';

const folder = fileURLToPath(new URL('../../samples/', import.meta.url));

/** Bytes of the sample whose name holds `part`. */
export function sample(part: string): Buffer {
  const name = readdirSync(folder).find((one) => one.includes(part));
  if (name === undefined) throw new Error(`No sample ${part}`);
  return readFileSync(`${folder}${name}`);
}

export const dataUrl = (bytes: Uint8Array, mime = 'image/jpeg'): string =>
  `data:${mime};base64,${Buffer.from(bytes).toString('base64')}`;

/** A simulator that answers in some milliseconds and is closed after the test. */
export async function simulator(options: SimulatorOptions = {}): Promise<Simulator> {
  const started = await startSimulator({ latency: { medianMs: 5 }, ...options });
  onTestFinished(() => started.close());
  return started;
}

/** A small web server, closed after the test. */
export async function webServer(listener: RequestListener): Promise<string> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(async () => {
    server.closeAllConnections();
    await new Promise<void>((resolve) => server.close(() => resolve()));
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

export interface Asked {
  status: number;
  headers: Headers;
  body: Body;
}

/** The parts of both APIs' bodies that the tests look at. */
export interface Body {
  status?: string;
  error?:
    | { message: string; type: string | null; param: string | null; code: string | number | null }
    | string
    | null;
  incomplete_details?: { reason: string } | null;
  output?: { content: { type: string; text?: string; refusal?: string }[] }[];
  choices?: { finish_reason: string; message: { content: string | null; refusal: string | null } }[];
  usage?: {
    input_tokens?: number;
    input_tokens_details?: { cached_tokens: number };
    output_tokens?: number;
    total_tokens: number;
    prompt_tokens?: number;
    prompt_tokens_details?: { cached_tokens: number };
  };
  data?: { id: string }[];
  id?: string;
  input_tokens?: number;
}

const FORMAT = {
  name: 'answer',
  strict: true,
  schema: {
    type: 'object',
    properties: {
      match: { type: 'boolean' },
      count: { type: 'integer', minimum: 0 },
      description: { type: 'string' },
    },
    required: ['match', 'count', 'description'],
    additionalProperties: false,
  },
};

const POTHOLES = 'Are there potholes in the road?';

/** A complete, correct body of the Responses API; `changes` are laid over it. */
export const responsesBody = (imageUrl: string, question = POTHOLES, changes: object = {}) => ({
  model: 'gpt-4o',
  instructions: 'Look at the picture and answer the question.',
  input: [
    {
      role: 'user',
      content: [
        { type: 'input_image', image_url: imageUrl, detail: 'high' },
        { type: 'input_text', text: question },
      ],
    },
  ],
  text: { format: { type: 'json_schema', ...FORMAT } },
  max_output_tokens: 300,
  store: false,
  prompt_cache_key: 'picture-1',
  ...changes,
});

/** The same for chat completions. */
export const chatBody = (imageUrl: string, question = POTHOLES, changes: object = {}) => ({
  model: 'gpt-4o',
  messages: [
    { role: 'system', content: 'Look at the picture and answer the question.' },
    {
      role: 'user',
      content: [
        { type: 'image_url', image_url: { url: imageUrl, detail: 'high' } },
        { type: 'text', text: question },
      ],
    },
  ],
  response_format: { type: 'json_schema', json_schema: FORMAT },
  max_completion_tokens: 300,
  store: false,
  ...changes,
});

/** Sends a request with a key; the body's JSON is read. */
export async function send(url: string, body?: unknown, init: RequestInit = {}): Promise<Asked> {
  const response = await fetch(url, {
    method: body === undefined ? 'GET' : 'POST',
    headers: { authorization: 'Bearer sk-test', 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    ...init,
  });
  return { status: response.status, headers: response.headers, body: (await response.json()) as Body };
}

export const askResponses = (to: Simulator, imageUrl: string, question?: string, changes?: object) =>
  send(`${to.url}/responses`, responsesBody(imageUrl, question, changes));

export const askChat = (to: Simulator, imageUrl: string, question?: string, changes?: object) =>
  send(`${to.url}/chat/completions`, chatBody(imageUrl, question, changes));

/** The model's text of either API. */
export const textOf = (body: Body): string =>
  body.output?.[0]?.content[0]?.text ?? body.choices?.[0]?.message.content ?? '';
