import type { PageServer } from '../test/helpers/page-server.ts';

/** Takes a whole export from the page, as fast as it comes, and keeps nothing of it. */
export async function exportAll(
  server: PageServer,
  run: string,
  format: 'csv' | 'ndjson' | 'json',
): Promise<{ bytes: number; seconds: number; growthBytes: number }> {
  // What the open run takes of memory is not the export's.
  await fetch(`${server.url}/api/runs/${run}/pictures?from=0&take=1`).then((answer) => answer.arrayBuffer());
  const before = server.residentBytes();
  const startedAt = performance.now();
  const answer = await fetch(`${server.url}/api/runs/${run}/export.${format}`);
  if (!answer.ok || answer.body === null)
    throw new Error(`export ${format}: ${answer.status} ${await answer.text()}`);
  let bytes = 0;
  for await (const chunk of answer.body as AsyncIterable<Uint8Array>) bytes += chunk.length;
  return {
    bytes,
    seconds: (performance.now() - startedAt) / 1_000,
    growthBytes: Math.max(0, server.peakBytes() - before),
  };
}
