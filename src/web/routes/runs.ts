import { Hono } from 'hono';
import type { Page } from '../page.ts';
import type { PageEnv } from '../streams.ts';

/** `GET /api/page` and `GET /api/runs`. */
export const runsRoutes = ({ info, list }: Page): Hono<PageEnv> =>
  new Hono<PageEnv>().get('/page', (c) => c.json(info)).get('/runs', async (c) => c.json(await list.rows()));
