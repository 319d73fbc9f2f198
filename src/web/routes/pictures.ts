import { Hono } from 'hono';
import { flagsOf } from '../../client/ask-again.ts';
import { searchPictures } from '../../client/pictures/search.ts';
import type { PictureReader } from '../../client/pictures/readers.ts';
import { neighboursOf } from '../../client/pictures/select.ts';
import { summarize } from '../../client/pictures/summarize.ts';
import type { PictureRecord } from '../../client/pictures/types.ts';
import { batchWorkflowIdOf } from '../../shared/names.ts';
import type { PictureQuery } from '../../shared/picture-query.ts';
import type { Action, PictureDetail, PicturePage } from '../api.ts';
import type { Sight } from '../live.ts';
import type { Page } from '../page.ts';
import { noSuchPicture, partIn, placeIn, queryIn, runIn } from '../params.ts';
import { PageProblem } from '../problem.ts';
import { EVENT_HEADERS, eventText, type PageEnv, streamed } from '../streams.ts';

/** `GET /api/runs/:run/pictures`, one of them, a search through their descriptions, and their sums. */
export function picturesRoutes(page: Page): Hono<PageEnv> {
  const { pictures, live, closing, broke } = page;
  return new Hono<PageEnv>()
    .get('/runs/:run/pictures', async (c) => {
      const [query, { from, take }] = [queryIn(c), partIn(c)];
      const { reader } = await pictures.open(runIn(c));
      const { version, pictures: all } = reader.index;
      const found = await pictures.find(reader, query);
      const rows = await reader.details.rowsOf(found.subarray(from, from + take));
      const body: PicturePage = {
        ...{ version, total: found.length, of: all.size, from, rows },
        ...pictures.filters(reader),
      };
      return c.json(body);
    })
    .get('/runs/:run/pictures/:at', async (c) => {
      const [run, at, query] = [runIn(c), placeIn(c), queryIn(c)];
      const { reader, recorded } = await pictures.open(run);
      const [record, found, sight] = await Promise.all([
        reader.details.detailOf(at),
        pictures.find(reader, query),
        live.lookAt(recorded),
      ]);
      if (record === null) throw noSuchPicture();
      const body: PictureDetail = {
        ...record,
        ...neighboursOf(found, at),
        webUi: sight.webUi(batchWorkflowIdOf(recorded.plan.workflowId, record.batch)),
        retry: retryOf(page, sight, record),
      };
      return c.json(body);
    })
    .get('/runs/:run/search', async (c) => {
      const query = queryIn(c);
      if (query.text === undefined) throw new PageProblem(400, 'Give the text that is searched: text=…');
      const { reader } = await pictures.open(runIn(c));
      // Of a prompt that the run has not it is told now, not when the stream is under way.
      await pictures.find(reader, withoutText(query));
      return streamed(c, { headers: EVENT_HEADERS, closing, onError: broke }, (signal) =>
        searchEvents(page, reader, query, signal),
      );
    })
    .get('/runs/:run/summary', async (c) => {
      const query = queryIn(c);
      const { reader } = await pictures.open(runIn(c));
      return c.json(summarize(reader.index, await pictures.find(reader, query)));
    });
}

const withoutText = ({ text: _searched, ...query }: PictureQuery): PictureQuery => query;

async function* searchEvents(
  page: Page,
  reader: PictureReader,
  query: PictureQuery,
  signal: AbortSignal,
): AsyncGenerator<string, void, undefined> {
  const { version } = reader.index;
  const places: number[] = [];
  for await (const { rows, ...searched } of searchPictures(reader, query, signal)) {
    for (const { at } of rows) places.push(at);
    yield (rows.length > 0 ? eventText('rows', rows) : '') + eventText('searched', searched);
  }
  page.pictures.keep(reader, version, query, Int32Array.from(places));
  yield eventText('end', {});
}

/** What may be done for this picture alone. */
function retryOf({ actions }: Page, sight: Sight, { name, answers }: PictureRecord): Action {
  const retry = actions.possible(sight).find((action) => action.name === 'retry');
  const command = actions.lineFor(sight.recorded)('retry-failed', flagsOf({ only: [name] }));
  if (!answers.some(({ outcome }) => outcome?.ok === false)) {
    return { name: 'retry', possible: false, why: 'No question about this picture has failed.', command };
  }
  return { name: 'retry', possible: retry?.possible === true, why: retry?.why ?? '', command };
}
