/** An answer has some kilobytes; a server that sends more of this is broken or means to fill the memory. */
const MOST_BYTES = 4_000_000;

/**
 * A response's text, read no further than to its bound (as decompressed, since a few kilobytes may unpack to
 * gigabytes). Throws an Error beyond it, and what `signal` says once it is aborted; then the connection is closed.
 */
export async function bodyText(response: Response, signal?: AbortSignal | null): Promise<string> {
  const reader = (response.body as ReadableStream<Uint8Array> | null)?.getReader();
  if (reader === undefined) return '';
  const close = (): void => void reader.cancel().catch(() => {});
  // `fetch` has the same signal, and forgets it for the body as soon as the response is garbage: a body that stalls
  // would then be waited for without end (measured on Node 20).
  signal?.addEventListener('abort', close, { once: true });
  const decoder = new TextDecoder();
  let bytes = 0;
  let text = '';
  try {
    for (;;) {
      const { done, value } = await reader.read();
      signal?.throwIfAborted();
      if (done) return text + decoder.decode();
      bytes += value.length;
      if (bytes > MOST_BYTES) throw new Error(`its answer has more than ${MOST_BYTES / 1_000_000} MB`);
      text += decoder.decode(value, { stream: true });
    }
  } finally {
    signal?.removeEventListener('abort', close);
    close();
  }
}
