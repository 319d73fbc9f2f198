/** An answer has some kilobytes; a server that sends more of this is broken or means to fill the memory. */
const MOST_BYTES = 4_000_000;

/**
 * A response's text, read no further than to its bound (as decompressed, since a few kilobytes may unpack to
 * gigabytes). Throws an Error beyond it, and the connection is closed.
 */
export async function bodyText(response: Response): Promise<string> {
  const decoder = new TextDecoder();
  let bytes = 0;
  let text = '';
  for await (const chunk of (response.body ?? []) as AsyncIterable<Uint8Array>) {
    bytes += chunk.length;
    if (bytes > MOST_BYTES) throw new Error(`its answer has more than ${MOST_BYTES / 1_000_000} MB`);
    text += decoder.decode(chunk, { stream: true });
  }
  return text + decoder.decode();
}
