import { Hono } from 'hono';
import { createExport } from '../../client/export/export.ts';
import { EXPORT_FORMATS, EXPORT_TYPES } from '../../client/export/formats.ts';
import type { Page } from '../page.ts';
import { queryIn, runIn } from '../params.ts';
import { PageProblem } from '../problem.ts';
import { type PageEnv, streamed } from '../streams.ts';

/** `GET /api/runs/:run/export.FORMAT`: a file of what the query finds, made while it is sent. */
export function exportRoutes(page: Page): Hono<PageEnv> {
  const { pictures, closing, broke, thumbnail, now } = page;
  return new Hono<PageEnv>().get('/runs/:run/:file{export\\.\\w+}', async (c) => {
    const [run, query] = [runIn(c), queryIn(c)];
    const format = EXPORT_FORMATS.find((one) => `export.${one}` === c.req.param('file'));
    if (format === undefined) {
      throw new PageProblem(404, `There are exports as ${EXPORT_FORMATS.join(', ')}.`);
    }
    const { recorded, reader } = await pictures.open(run);
    // What the query cannot ask of this run is told now, not in the middle of a file.
    await pictures.find(reader, { ...query, text: '' });
    const headers = {
      'Content-Type': EXPORT_TYPES[format],
      // A run's name has neither quotes nor control characters.
      'Content-Disposition': `attachment; filename="${run}.${format}"`,
      'Cache-Control': 'no-store, no-transform',
    };
    return streamed(c, { headers, closing, onError: broke }, (signal) =>
      untilAborted(
        signal,
        createExport(format, {
          ...{ run: recorded, index: reader.index, details: reader.details, query },
          generated: new Date(now()),
          thumbnail: (_at, picture) => thumbnail(recorded, picture),
          signal,
        }),
      ),
    );
  });
}

/** Ends the export with its client: nothing more is read for it. */
async function* untilAborted(signal: AbortSignal, texts: AsyncIterable<string>): AsyncGenerator<string> {
  for await (const text of texts) {
    if (signal.aborted) return;
    yield text;
  }
}
