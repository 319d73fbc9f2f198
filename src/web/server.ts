import { once } from 'node:events';
import { createServer, type Server as HttpServer, type ServerResponse } from 'node:http';
import { isIP } from 'node:net';
import { getRequestListener } from '@hono/node-server';
import { accessSecrets, type Config } from '../config.ts';
import type { Server } from '../client/connection.ts';
import { UsageError, type Deps, type PageSettings, type RunningPage } from '../client/deps.ts';
import type { Logger } from '../logger.ts';
import { createApp } from './app-routes.ts';
import { createGuard, isLoopback, SECURITY_HEADERS } from './guard.ts';
import { createPage } from './page.ts';
import type { ReadPicture } from './pictures.ts';
import { problemOf } from './problem.ts';
import { createSessions } from './sessions.ts';

export interface PageOptions extends Pick<PageSettings, 'root' | 'host' | 'port' | 'orNext'> {
  deps: Pick<Deps, 'config' | 'cwd' | 'calledAs' | 'addressFlag' | 'openStore' | 'listRuns'>;
  /** What the page asks for; `null`: nothing, which is for the loopback alone. */
  token: string | null;
  /** Where people reach it, when that is not the address that is listened at. */
  pageUrl: string | null;
  /** Folder of the built application: `index.html` and `assets/`. */
  appFolder: string;
  /** Connects to the Temporal server of a configuration, starting nothing; `null` where none answers. */
  connect(config: Config): Promise<Server | null>;
  readPicture: ReadPicture;
  /** Folder of the thumbnails, which can be made again. */
  thumbnails: string;
  logger: Logger;
  now(): number;
}

/** Time for a request's headers and its body: all that the page takes are small. */
const REQUEST_MS = 30_000;
const NEXT_PORTS = 20;

/**
 * Serves the page. Keeps nothing that cannot be made again from the results place, and neither starts a Temporal server
 * or a worker nor needs one. Throws a {@link UsageError} for an address beyond
 * this machine without a token, and for one that cannot be listened at.
 */
export async function startPage(options: PageOptions): Promise<RunningPage> {
  const { host, token, pageUrl, logger, now, deps } = options;
  if (token === null && !isLoopback(host)) {
    throw new UsageError(
      `At ${host} others than this machine reach the page, so it needs a token: PAGE_TOKEN_FILE=page-token, a file ` +
        'made by `umask 077; openssl rand -hex 32 > page-token`. Without --host it is for this machine alone.',
    );
  }
  const http = createServer({ requestTimeout: REQUEST_MS, headersTimeout: REQUEST_MS });
  const port = await listen(http, options);
  const { apiKey, notifySecret, access } = deps.config;
  const secrets = [token, apiKey, notifySecret, ...accessSecrets(access)].filter((secret) => secret !== null);
  const secure = pageUrl?.startsWith('https:') === true;
  const sessions = token === null ? null : createSessions({ token, secure, port, now });
  const guard = createGuard({ host, pageUrl, signedIn: sessions?.knows ?? null });
  const page = createPage(options);
  const app = createApp(page, {
    sessions,
    appFolder: options.appFolder,
    problemOf(error, path) {
      const problem = problemOf(error, secrets);
      if (problem.status >= 500)
        logger.error({ path, problem: problem.body.problem }, 'page: a request failed');
      return problem;
    },
  });
  const handle = getRequestListener(app.fetch, {
    overrideGlobalObjects: false,
    errorHandler: () => Response.json({ problem: 'The request cannot be understood.' }, { status: 400 }),
  });
  http.on('request', (incoming, outgoing) => {
    for (const [name, value] of Object.entries(SECURITY_HEADERS)) outgoing.setHeader(name, value);
    const { method = '', url = '', headers } = incoming;
    const refusal = guard({ method, target: url, headers });
    if (refusal === null) return void handle(incoming, outgoing);
    refuse(outgoing, refusal);
  });

  const name = /^[0:.]+$/.test(host) && host !== '::1' ? 'localhost' : isIP(host) === 6 ? `[${host}]` : host;
  return {
    url: `http://${name}:${String(port)}`,
    async close() {
      const closed = once(http, 'close');
      http.close();
      await page.close();
      http.closeAllConnections();
      await closed;
    },
  };
}

/** What is left of the request is not read. */
function refuse(outgoing: ServerResponse, { status, problem }: { status: number; problem: string }): void {
  const body = JSON.stringify({ problem });
  outgoing.writeHead(status, {
    'Content-Type': 'application/json',
    'Content-Length': Buffer.byteLength(body),
    Connection: 'close',
    ...(status === 405 ? { Allow: 'GET, HEAD, POST' } : {}),
  });
  outgoing.end(body);
}

async function listen(http: HttpServer, { host, port, orNext }: PageOptions): Promise<number> {
  for (let tried = port; ; tried += 1) {
    // After a row of ports that are taken, any free one.
    const wanted = tried - port > NEXT_PORTS || tried > 65_535 ? 0 : tried;
    try {
      const listening = once(http, 'listening');
      http.listen({ host, port: wanted });
      await listening;
      const address = http.address();
      return typeof address === 'object' ? (address?.port ?? 0) : 0;
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code ?? '';
      if (code === 'EADDRINUSE' && orNext && wanted !== 0) continue;
      throw new UsageError(`The page cannot be served at ${host}:${String(port)}: ${why(code)}.`);
    }
  }
}

const WHY: Readonly<Record<string, string>> = {
  EADDRINUSE: 'something else listens there. Give another --port, or 0 for any free one',
  EACCES: 'this user may not listen there. Give a --port above 1023',
  EADDRNOTAVAIL: 'this machine has no such address. Give another --host',
  ENOTFOUND: 'there is no such address. Give another --host',
};

const why = (code: string): string => WHY[code] ?? code;
