import { Hono } from 'hono';
import { compareRuns } from '../../client/pictures/compare.ts';
import type { Comparison } from '../api.ts';
import type { Page } from '../page.ts';
import { partIn, runIn } from '../params.ts';
import { rowOf } from '../run-view.ts';
import type { PageEnv } from '../streams.ts';

/** `GET /api/compare/:left/:right`: what changed between two runs, picture by picture. */
export function compareRoutes({ pictures, live, now }: Page): Hono<PageEnv> {
  const side = async (run: string) => {
    const { recorded, reader } = await pictures.open(run);
    const { model, startedAt, state } = rowOf(await live.lookAt(recorded), now());
    return { reader, about: { run, model, startedAt, state } };
  };
  return new Hono<PageEnv>().get('/compare/:left/:right', async (c) => {
    const part = { ...partIn(c), onlyChanged: c.req.query('only') === 'changed' };
    const [left, right] = await Promise.all([side(runIn(c, 'left')), side(runIn(c, 'right'))]);
    const compared = await compareRuns(left.reader, right.reader, part);
    const body: Comparison = { ...compared, left: left.about, right: right.about };
    return c.json(body);
  });
}
