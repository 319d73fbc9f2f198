/** Characters of a body that are encoded at a time; what is shorter than two of them goes as it is. */
const SLICE = 1 << 16;

/**
 * A `fetch` that sends a long text in slices, each encoded as the network takes it. On the wire it is the same request,
 * with its length in `content-length`. `fetch` itself encodes the whole text, and keeps that until the answer is here
 * in case there is a redirect: with a picture in it, and with TLS, three times the text while it is sent.
 *
 * Follows no redirect, which would take the picture to an address that nobody named; an error of the API says so in
 * its place.
 */
export function bodyInSlices(fetch: typeof globalThis.fetch): typeof globalThis.fetch {
  return async (url, init) => {
    const text = init?.body;
    const isLong = typeof text === 'string' && text.length >= 2 * SLICE;
    try {
      return await fetch(url, { ...init, ...(isLong ? inSlices(text, init) : {}), redirect: 'error' });
    } catch (err) {
      if (isRedirect(err)) return redirected();
      throw err;
    }
  };
}

function inSlices(text: string, init: RequestInit | undefined): RequestInit {
  const headers = new Headers(init?.headers);
  headers.set('content-length', String(Buffer.byteLength(text)));
  // Only with `redirect: 'error'` does this keep `fetch` from keeping a copy (Fetch standard, "HTTP-network-or-cache
  // fetch").
  return { headers, body: slices(text), duplex: 'half', window: null };
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

/** `fetch` tells neither the status nor the address of a redirect that it must not follow. */
const redirected = (): Response =>
  Response.json(
    {
      error: { message: 'The server redirects to another address, which no key and no picture is sent to.' },
    },
    { status: 307 },
  );
