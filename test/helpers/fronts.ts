import { once } from 'node:events';
import http2, { type IncomingHttpHeaders, type ServerHttp2Stream } from 'node:http2';
import { type AddressInfo, connect, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import type { Signed } from './certificates.ts';

/** What stands before a Temporal server at a company: it asks for a certificate, or for a key. */
export interface Front {
  port: number;
  close(): Promise<void>;
}

/** Listens on the loopback, for both of its families: `localhost` may mean either. */
async function listen(server: Server): Promise<Front> {
  const sockets = new Set<Socket>();
  const keep = (socket: Socket): void => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.once('close', () => sockets.delete(socket));
  };
  server.on('connection', keep);
  const listening = once(server, 'listening');
  server.listen(0, 'localhost');
  await listening;
  return {
    port: (server.address() as AddressInfo).port,
    async close() {
      const closed = once(server, 'close');
      server.close();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

/**
 * Mutual TLS before a server, byte by byte: only who shows a certificate of `ca` gets through. `ca` null: it asks for
 * none.
 */
export function startTlsFront(upstream: string, own: Signed, ca: Signed | null): Promise<Front> {
  const [host = '', port = ''] = upstream.split(':');
  const server = createTlsServer(
    {
      ...own,
      ALPNProtocols: ['h2'],
      ...(ca === null ? {} : { ca: ca.cert, requestCert: true, rejectUnauthorized: true }),
    },
    (socket) => {
      const up = connect(Number(port), host);
      const end = (): void => {
        socket.destroy();
        up.destroy();
      };
      for (const side of [socket, up]) side.on('error', end).on('close', end);
      socket.pipe(up).pipe(socket);
    },
  );
  server.on('tlsClientError', () => {});
  return listen(server);
}

/** gRPC's PERMISSION_DENIED and UNAUTHENTICATED. */
type Refusal = 7 | 16;

/**
 * gRPC by HTTP/2 without TLS, call by call: those that `refuse` names a status for are refused, the others are handed to
 * `upstream`, or answered with an empty message where there is none.
 */
export async function startCallFront(
  upstream: string | null,
  refuse: (path: string, headers: IncomingHttpHeaders) => Refusal | null,
): Promise<Front> {
  const session = upstream === null ? null : http2.connect(`http://${upstream}`);
  session?.on('error', () => {});
  const server = http2.createServer();
  server.on('session', (from) => from.on('error', () => {}));
  server.on('stream', (stream, headers) => {
    stream.on('error', () => {});
    const status = refuse(headers[':path'] ?? '', headers);
    if (status !== null) refused(stream, status, headers.authorization ?? '');
    else if (session === null) empty(stream);
    else pass(stream, session.request(headers));
  });
  const front = await listen(server);
  return {
    port: front.port,
    async close() {
      session?.destroy();
      await front.close();
    },
  };
}

/** As careless servers do, it repeats what it was shown. */
const refused = (stream: ServerHttp2Stream, status: Refusal, shown: string): void =>
  stream.respond(
    {
      ...{ ':status': 200, 'content-type': 'application/grpc', 'grpc-status': String(status) },
      'grpc-message': `Request unauthorized: ${shown}`,
    },
    { endStream: true },
  );

function empty(stream: ServerHttp2Stream): void {
  stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
  stream.once('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
  stream.end(Buffer.alloc(5));
}

function pass(stream: ServerHttp2Stream, up: http2.ClientHttp2Stream): void {
  let trailers: IncomingHttpHeaders = {};
  up.on('error', () => stream.destroy());
  up.once('response', (headers, flags) => {
    const endStream = (flags & http2.constants.NGHTTP2_FLAG_END_STREAM) !== 0;
    if (stream.destroyed) return;
    stream.respond(headers, { endStream, waitForTrailers: !endStream });
    if (!endStream) up.pipe(stream);
  });
  up.once('trailers', (headers: IncomingHttpHeaders) => (trailers = headers));
  stream.once('wantTrailers', () => stream.sendTrailers(trailers));
  stream.once('close', () => up.close());
  stream.pipe(up);
}
