import { Hono } from 'hono';
import { checkRetry } from '../../shared/run-input.ts';
import type { Retry } from '../../shared/types.ts';
import { ACTIONS } from '../actions.ts';
import { createLatest } from '../latest.ts';
import type { Sight } from '../live.ts';
import type { Page } from '../page.ts';
import { bodyOf, noSuchRun, runIn } from '../params.ts';
import { PageProblem } from '../problem.ts';
import { EVENT_HEADERS, eventText, HEARTBEAT, HEARTBEAT_MS, type PageEnv, streamed } from '../streams.ts';

/** `GET /api/runs/:run`, its events, and what a person does to it. */
export function runRoutes(page: Page): Hono<PageEnv> {
  return new Hono<PageEnv>()
    .get('/runs/:run', async (c) => {
      const run = runIn(c);
      const sight = await page.live.look(run);
      if (sight === null) throw noSuchRun(run);
      return c.json(await page.detail(sight));
    })
    .get('/runs/:run/events', async (c) => {
      const run = runIn(c);
      if ((await page.runs.read(run)) === null) throw noSuchRun(run);
      const { closing, broke } = page;
      return streamed(c, { headers: EVENT_HEADERS, closing, onError: broke }, (signal) =>
        runEvents(page, run, signal),
      );
    })
    .post('/runs/:run/:action', async (c) => {
      const run = runIn(c);
      const name = ACTIONS.find((action) => action === c.req.param('action'));
      if (name === undefined) throw new PageProblem(404, 'There is no such action.');
      const body = await bodyOf(c);
      const [problem] = checkRetry(body);
      if (problem !== undefined) throw new PageProblem(400, `${problem.field}: ${problem.problem}`);
      return c.json(await page.actions.act(run, name, body as Retry));
    });
}

/** What is new of a run, until the client goes. One that takes its time is told the latest alone. */
async function* runEvents(
  page: Page,
  run: string,
  signal: AbortSignal,
): AsyncGenerator<string, void, undefined> {
  const latest = createLatest<Sight>();
  const stop = page.live.watch(run, latest.put);
  let [lastDetail, lastVersion] = ['', ''];
  try {
    // At once, so that the browser knows that it is connected.
    yield HEARTBEAT;
    while (!signal.aborted) {
      const sight = await latest.next(HEARTBEAT_MS, signal);
      if (sight === null) {
        if (!signal.aborted) yield HEARTBEAT;
        continue;
      }
      const detail = eventText('run', await page.detail(sight));
      if (detail !== lastDetail) yield (lastDetail = detail);
      const version = await page.pictures.version(sight.recorded);
      if (version !== null && version !== lastVersion)
        yield eventText('pictures', { version: (lastVersion = version) });
    }
  } finally {
    stop();
  }
}
