import { createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { isIP } from 'node:net';
import { getRequestListener } from '@hono/node-server';
import type { PayloadCodec } from '@temporalio/common';
import { Hono, type MiddlewareHandler } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { getCookie, setCookie } from 'hono/cookie';
import { SettingError } from '../config.ts';
import { CodecError } from './codec.ts';
import { BodyError, readPayloads, writePayloads } from './payload-json.ts';

export interface CodecServerOptions {
  codec: PayloadCodec;
  /** Of the Temporal Web UI, as a browser sends it: the only site whose pages may ask. */
  origin: string;
  /** What whoever asks must show; `null`: nothing, which is for the loopback alone. */
  token: string | null;
  host: string;
  /** 0: any free one. */
  port: number;
}

export interface RunningCodecServer {
  url: string;
  close(): Promise<void>;
}

/** A page of history is at most 4 MB on the wire, and a third more as base64. */
const MOST_BYTES = 16_000_000;
const REQUEST_MS = 30_000;
const COOKIE = 'codec_session';
const SESSION_SECONDS = 12 * 3_600;

/** Headers that the Web UI and the `temporal` CLI send. */
const HEADERS = 'Authorization, Authorization-Extras, Content-Type, X-Namespace';

const SECURITY = {
  'Cache-Control': 'no-store',
  'Content-Security-Policy':
    "default-src 'none'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Referrer-Policy': 'no-referrer',
  'X-Content-Type-Options': 'nosniff',
};

/**
 * A codec server: `POST /encode` and `POST /decode` of `{ payloads }` in Temporal's JSON, for the Web UI of one origin
 * and the `temporal` CLI. With a token it asks for `Authorization: Bearer`, or for the cookie that its own page `/`
 * gives for the token: the Web UI sends no token of ours, but cookies when told to. Logs nothing and keeps nothing.
 * Throws a {@link SettingError} for an address beyond this machine without a token, and for one that is taken.
 */
export async function startCodecServer(options: CodecServerOptions): Promise<RunningCodecServer> {
  const { host, port, token } = options;
  if (token === null && !isLoopback(host)) {
    throw new SettingError(
      `At ${host} others than this machine could have payloads decrypted: give --token-file codec-token, a file ` +
        'made by `umask 077; openssl rand -hex 32 > codec-token`. Without --host it is for this machine alone.',
    );
  }
  const handle = getRequestListener(createCodecApp(options).fetch, { overrideGlobalObjects: false });
  const http = createServer(
    { requestTimeout: REQUEST_MS, headersTimeout: REQUEST_MS },
    (incoming, outgoing) => {
      void handle(incoming, outgoing);
    },
  );
  const listening = once(http, 'listening');
  http.listen({ host, port });
  try {
    await listening;
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? '';
    throw new SettingError(
      `The codec server cannot listen at ${host}:${port} (${code}): give another --host or --port.`,
    );
  }
  const address = http.address();
  const bound = typeof address === 'object' ? (address?.port ?? port) : port;
  return {
    url: `http://${isIP(host) === 6 ? `[${host}]` : host}:${bound}`,
    async close() {
      const closed = once(http, 'close');
      http.close();
      http.closeAllConnections();
      await closed;
    },
  };
}

function createCodecApp({ codec, origin, token }: CodecServerOptions): Hono {
  const app = new Hono();
  /** Good for as long as this process lives; nothing of the token is in it. */
  const session = createHmac('sha256', randomBytes(32)).update('session').digest('hex');

  const cors: MiddlewareHandler = async (context, next) => {
    const from = context.req.header('origin');
    // A browser always names the site that posts. Whoever names none is no page.
    if (from !== undefined && from !== origin) return context.json({ error: 'Another site asks.' }, 403);
    if (from !== undefined) {
      context.header('Access-Control-Allow-Origin', origin);
      context.header('Access-Control-Allow-Credentials', 'true');
      context.header('Vary', 'Origin');
    }
    if (context.req.method !== 'OPTIONS') return next();
    context.header('Access-Control-Allow-Methods', 'POST');
    context.header('Access-Control-Allow-Headers', HEADERS);
    context.header('Access-Control-Max-Age', '600');
    return context.body(null, 204);
  };

  const signedIn: MiddlewareHandler = async (context, next) => {
    const bearer = /^Bearer +(\S+)$/i.exec(context.req.header('authorization') ?? '')?.[1];
    const cookie = getCookie(context, COOKIE);
    if (token === null || isSame(bearer, token) || isSame(cookie, session)) return next();
    context.header('WWW-Authenticate', 'Bearer');
    return context.json({ error: 'Give the token of this codec server, or sign in at its page.' }, 401);
  };

  const translate =
    (how: 'encode' | 'decode'): MiddlewareHandler =>
    async (context) => {
      if (!/^application\/json\s*(?:;|$)/i.test(context.req.header('content-type') ?? '')) {
        return context.json({ error: 'Send JSON: content-type application/json.' }, 415);
      }
      const payloads = readPayloads(await context.req.text());
      return context.json(writePayloads(await codec[how](payloads)));
    };

  app.use(async (context, next) => {
    for (const [name, value] of Object.entries(SECURITY)) context.header(name, value);
    await next();
  });
  const limit = bodyLimit({
    maxSize: MOST_BYTES,
    onError: (context) => context.json({ error: `Send at most ${MOST_BYTES} bytes at once.` }, 413),
  });
  for (const how of ['encode', 'decode'] as const) {
    app.options(`/${how}`, cors);
    app.post(`/${how}`, cors, signedIn, limit, translate(how));
  }
  if (token !== null) {
    app.get('/', (context) => context.html(PAGE));
    app.post('/session', bodyLimit({ maxSize: 10_000 }), async (context) => {
      const from = context.req.header('origin');
      if (from === undefined || new URL(context.req.url).host !== hostOf(from)) {
        return context.text('Another site asks.', 403);
      }
      const { token: given } = await context.req.parseBody();
      if (!isSame(typeof given === 'string' ? given.trim() : '', token)) {
        return context.text('This is not the token of this codec server.', 401);
      }
      const secure = from.startsWith('https:');
      setCookie(context, COOKIE, session, {
        ...{ httpOnly: true, sameSite: 'Strict', path: '/', maxAge: SESSION_SECONDS, secure },
      });
      return context.text('Signed in: the Temporal Web UI in this browser may ask now, for twelve hours.');
    });
  }
  app.notFound((context) => context.json({ error: 'There is POST /encode and POST /decode.' }, 404));
  app.onError((error, context) => {
    const told = error instanceof CodecError || error instanceof BodyError;
    return context.json({ error: told ? error.message : 'The request failed.' }, told ? 400 : 500);
  });
  return app;
}

const PAGE = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Codec server</title>
<form method="post" action="/session">
<p><label>Token of this codec server: <input name="token" type="password" required autocomplete="off"></label></p>
<p><button>Sign in</button></p>
</form>
</html>
`;

/** In a time that tells nothing of the two. */
const isSame = (given: string | undefined, right: string): boolean =>
  given !== undefined && timingSafeEqual(digest(given), digest(right));

const digest = (text: string): Buffer => createHash('sha256').update(text).digest();

const hostOf = (origin: string): string | null => (URL.canParse(origin) ? new URL(origin).host : null);

/** Whether only this machine reaches an address that is listened at. */
const isLoopback = (host: string): boolean =>
  host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'));
