/** Characters of a body that are encoded at a time; what is shorter than two of them goes as it is. */
const SLICE = 1 << 16;

/**
 * A `fetch` that sends a long text in slices, each encoded as the network takes it. On the wire it is the same request,
 * with its length in `content-length`. `fetch` itself encodes the whole text, and keeps that until the answer is here
 * in case there is a redirect: with a picture in it, and with TLS, three times the text while it is sent.
 *
 * A server that answers with a redirect gets the text in one piece, for a stream cannot be sent twice.
 */
export function bodyInSlices(fetch: typeof globalThis.fetch): typeof globalThis.fetch {
  return async (url, init) => {
    const text = init?.body;
    if (typeof text !== 'string' || text.length < 2 * SLICE) return fetch(url, init);
    const headers = new Headers(init?.headers);
    headers.set('content-length', String(Buffer.byteLength(text)));
    try {
      return await fetch(url, {
        ...init,
        headers,
        body: slices(text),
        duplex: 'half',
        // Only these two together keep `fetch` from keeping a copy (Fetch standard, "HTTP-network-or-cache fetch").
        window: null,
        redirect: 'error',
      });
    } catch (err) {
      if (isRedirect(err)) return fetch(url, init);
      throw err;
    }
  };
}

function slices(text: string): ReadableStream<Uint8Array> {
  let from = 0;
  return new ReadableStream(
    {
      pull(controller) {
        let to = Math.min(from + SLICE, text.length);
        // Two halves of one character are encoded together.
        if (to < text.length && isHighSurrogate(text.charCodeAt(to - 1))) to -= 1;
        controller.enqueue(Buffer.from(text.slice(from, to)));
        from = to;
        if (from === text.length) controller.close();
      },
    },
    { highWaterMark: 0 },
  );
}

const isHighSurrogate = (unit: number): boolean => unit >= 0xd800 && unit < 0xdc00;

/** As Node's `fetch` words it. */
const isRedirect = (err: unknown): boolean =>
  err instanceof TypeError && err.cause instanceof Error && err.cause.message === 'unexpected redirect';
