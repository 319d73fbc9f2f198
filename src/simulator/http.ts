import type { IncomingMessage, ServerResponse } from 'node:http';
import type { CallReply } from './calls.ts';
import { ApiFailure, invalidRequest } from './errors.ts';

/** Room for a picture of the largest size in base64, and then some. */
const MAX_BODY_BYTES = 80 * 1024 * 1024;

/** A request's JSON body. Throws an {@link ApiFailure} when it is none, or too large. */
export async function bodyOf(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    length += chunk.length;
    // Read on to the end: an answer before that reaches few clients.
    if (length <= MAX_BODY_BYTES) chunks.push(chunk);
  }
  if (length > MAX_BODY_BYTES) {
    throw new ApiFailure({ ...invalidRequest('Request body is too large.', null, null), status: 413 });
  }
  try {
    return JSON.parse(Buffer.concat(chunks).toString('utf8')) as unknown;
  } catch {
    const message =
      'We could not parse the JSON body of your request. (HINT: This likely means you aren’t using your HTTP library ' +
      'correctly. The OpenAI API expects a JSON payload, but what was sent was not valid JSON.)';
    throw new ApiFailure(invalidRequest(message, null, null));
  }
}

export function sendJson(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}

/** Sends a call's reply, or as much of it as its fault lets through. */
export function send(response: ServerResponse, reply: CallReply): void {
  const text = JSON.stringify(reply.body);
  switch (reply.send) {
    case 'whole':
      return sendJson(response, reply.status, reply.body);
    case 'broken':
      response
        .writeHead(reply.status, { 'content-type': 'application/json' })
        .end(`${text.slice(0, -40)}<html>`);
      return;
    case 'half':
      // The length promises the whole text, so the client waits for the rest.
      response.writeHead(reply.status, {
        'content-type': 'application/json',
        'content-length': Buffer.byteLength(text),
      });
      response.write(text.slice(0, text.length / 2));
      return;
    case 'reset':
      response.socket?.resetAndDestroy();
      return;
    case 'nothing':
      return;
  }
}
