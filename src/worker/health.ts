import { createServer, type Server, type ServerResponse } from 'node:http';
import { once } from 'node:events';

export interface HealthServer {
  /** As `new URL` takes it; with the port that was chosen where port 0 was asked for. */
  url: string;
  close(): Promise<void>;
}

/** A request of a probe is one line and a few headers; who sends slower than this is none. */
const REQUEST_MS = 5_000;

/**
 * Says to probes how the worker is: `GET /healthz` that its process answers, `GET /readyz` that it takes work. `ready`
 * gives the reason why not, or `null`; its rejection is a reason too.
 *
 * Says nothing of runs and needs no token, so it may be listened at by a cluster's own network. An address that cannot
 * be listened at rejects with an Error that names `HEALTH_ADDRESS`.
 */
export async function serveHealth(options: {
  /** `IP:port`. */
  address: string;
  ready(): Promise<string | null>;
}): Promise<HealthServer> {
  const server = createServer(
    { requestTimeout: REQUEST_MS, headersTimeout: REQUEST_MS },
    (request, reply) => {
      request.resume();
      if (request.method !== 'GET' && request.method !== 'HEAD') {
        say(reply.setHeader('allow', 'GET, HEAD'), 405, 'only GET and HEAD');
        return;
      }
      const path = request.url?.split('?')[0];
      if (path === '/healthz') say(reply, 200, 'ok');
      else if (path === '/readyz') void answerReady(options.ready, reply);
      else say(reply, 404, 'there are /healthz and /readyz');
    },
  );
  const url = await listen(server, options.address);
  return {
    url,
    async close() {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

async function answerReady(ready: () => Promise<string | null>, reply: ServerResponse): Promise<void> {
  let reason: string | null;
  try {
    reason = await ready();
  } catch (err) {
    reason = err instanceof Error ? err.message : String(err);
  }
  say(reply, reason === null ? 200 : 503, reason ?? 'ready');
}

function say(reply: ServerResponse, status: number, text: string): void {
  reply.writeHead(status, { 'content-type': 'text/plain; charset=utf-8', 'cache-control': 'no-store' });
  reply.end(`${text}\n`);
}

async function listen(server: Server, address: string): Promise<string> {
  const colon = address.lastIndexOf(':');
  const host = address.slice(0, colon).replace(/^\[(.*)\]$/, '$1');
  server.listen({ host, port: Number(address.slice(colon + 1)) });
  try {
    await once(server, 'listening');
  } catch (err) {
    const why = err instanceof Error && 'code' in err ? String(err.code) : String(err);
    throw new Error(`HEALTH_ADDRESS ${address} cannot be listened at (${why}): choose a free address.`, {
      cause: err,
    });
  }
  const bound = server.address();
  if (bound === null || typeof bound === 'string') throw new Error('a server at a port has an address');
  return `http://${host.includes(':') ? `[${host}]` : host}:${bound.port}`;
}
