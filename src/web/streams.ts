import type { Context } from 'hono';
import type { HttpBindings } from '@hono/node-server';

/** A Hono application on node:http. */
export interface PageEnv {
  Bindings: HttpBindings;
}

/** Sent when nothing else is, so that proxies keep the connection and a dead client is noticed. */
export const HEARTBEAT = ': \n\n';
export const HEARTBEAT_MS = 15_000;

/** One server-sent event. Its data is JSON, which has no line ends. */
export const eventText = (event: string, data: unknown): string =>
  `event: ${event}\ndata: ${JSON.stringify(data)}\n\n`;

/**
 * An answer whose body is made piece by piece, as fast as the client takes it and no faster. `signal` is aborted when
 * the client goes or the page ends. A failure midway is told to `onError` and breaks the connection, so that the client
 * does not take half for the whole.
 */
export function streamed(
  c: Context<PageEnv>,
  options: {
    headers: Record<string, string>;
    /** Aborted when the page ends. */
    closing: AbortSignal;
    onError(error: unknown): void;
  },
  pieces: (signal: AbortSignal) => AsyncIterable<string>,
): Response {
  const gone = new AbortController();
  const signal = AbortSignal.any([gone.signal, options.closing]);
  const iterator = pieces(signal)[Symbol.asyncIterator]();
  const encoder = new TextEncoder();
  const body = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        try {
          const piece = await iterator.next();
          if (gone.signal.aborted) return;
          if (piece.done === true) controller.close();
          else controller.enqueue(encoder.encode(piece.value));
        } catch (error) {
          if (!signal.aborted) options.onError(error);
          c.env.outgoing.destroy();
        }
      },
      cancel() {
        gone.abort();
        // A generator that waits hears of it by the signal; one that does not ends here.
        void iterator.return?.(undefined).catch(() => undefined);
      },
    },
    { highWaterMark: 0 },
  );
  return c.body(body, 200, options.headers);
}

/** Headers of a stream of server-sent events; proxies are told not to hold it back. */
export const EVENT_HEADERS: Record<string, string> = {
  'Content-Type': 'text/event-stream; charset=utf-8',
  'Cache-Control': 'no-store, no-transform',
  'X-Accel-Buffering': 'no',
};
