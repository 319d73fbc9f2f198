import type { IncomingMessage, ServerResponse } from 'node:http';
import { imageTokens, textTokens } from '../shared/image-tokens.ts';
import { ApiFailure, invalidRequest, modelNotFound, type ApiError } from './errors.ts';
import { bodyOf, sendJson } from './http.ts';
import type { Probe } from './ledger.ts';
import { parseCall } from './parse.ts';
import { loadPicture } from './picture.ts';

/** The routes that cost nothing and count towards no limit: models, and a count of input tokens. */
export function createProbes(options: {
  models: readonly string[];
  urlTimeoutMs: number;
  stop: AbortSignal;
}) {
  const seen: Probe[] = [];

  async function handle(
    request: IncomingMessage,
    response: ServerResponse,
    path: string,
    keyProblem: ApiError | null,
  ): Promise<void> {
    const method = request.method ?? 'GET';
    const probe: Probe = { at: Date.now(), method, path, status: 0 };
    seen.push(probe);
    const [status, body] = await answered(request, method, path, keyProblem).catch((error: unknown) => {
      if (error instanceof ApiFailure) return [error.answer.status, error.answer.body] as const;
      throw error;
    });
    probe.status = status;
    sendJson(response, status, body);
  }

  async function answered(
    request: IncomingMessage,
    method: string,
    path: string,
    keyProblem: ApiError | null,
  ): Promise<readonly [number, unknown]> {
    if (keyProblem !== null) return [keyProblem.status, keyProblem.body];
    if (method === 'GET' && path === '/v1/models') {
      return [200, { object: 'list', data: options.models.map(described) }];
    }
    const [, model] = /^\/v1\/models\/(.+)$/.exec(path) ?? [];
    if (method === 'GET' && model !== undefined) {
      const name = decodeURIComponent(model);
      if (!options.models.includes(name)) throw new ApiFailure(modelNotFound(name, 'model'));
      return [200, described(name)];
    }
    if (method === 'POST' && path === '/v1/responses/input_tokens')
      return [200, await counted(await bodyOf(request))];
    const error = invalidRequest(`Invalid URL (${method} ${path})`, null, null);
    return [404, error.body];
  }

  async function counted(body: unknown): Promise<unknown> {
    const { model, image, textChars } = parseCall('responses', body);
    if (!options.models.includes(model)) throw new ApiFailure(modelNotFound(model, 'model'));
    const picture =
      image === null
        ? null
        : await loadPicture(
            { api: 'responses', url: image.url, param: image.param },
            options.urlTimeoutMs,
            options.stop,
          );
    const pictureTokens =
      picture === null || image === null
        ? 0
        : imageTokens(model, image.detail, picture.width, picture.height);
    return { object: 'response.input_tokens', input_tokens: textTokens(textChars) + pictureTokens };
  }

  return { handle, seen };
}

const described = (id: string) => ({ id, object: 'model', created: 1_760_000_000, owned_by: 'simulator' });
