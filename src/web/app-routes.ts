import { Hono } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { compress } from 'hono/compress';
import type { ContentfulStatusCode } from 'hono/utils/http-status';
import type { Problem } from './api.ts';
import type { Page } from './page.ts';
import { PageProblem } from './problem.ts';
import { appRoutes } from './routes/app.ts';
import { compareRoutes } from './routes/compare.ts';
import { exportRoutes } from './routes/export.ts';
import { pictureBytesRoutes } from './routes/picture-bytes.ts';
import { picturesRoutes } from './routes/pictures.ts';
import { runRoutes } from './routes/run.ts';
import { runsRoutes } from './routes/runs.ts';
import { sessionRoutes } from './routes/session.ts';
import type { Sessions } from './sessions.ts';
import type { PageEnv } from './streams.ts';

/** A thousand names of pictures to be asked again, with room to spare. */
const MOST_BODY_BYTES = 512 * 1024;

/** All routes of the page behind its guard. */
export function createApp(
  page: Page,
  options: {
    sessions: Sessions | null;
    appFolder: string;
    /** An error as status and body; tells the log what is ours to mend. */
    problemOf(error: unknown, path: string): { status: number; body: Problem };
  },
): Hono<PageEnv> {
  const nothing = (): never => {
    throw new PageProblem(404, 'There is no such address.');
  };
  const limit = bodyLimit({
    maxSize: MOST_BODY_BYTES,
    onError: () => {
      throw new PageProblem(413, 'The request is too large.');
    },
  });
  const app = new Hono<PageEnv>();
  app.use(compress());
  app.post('*', limit);
  for (const routes of [
    sessionRoutes(options.sessions),
    runsRoutes(page),
    picturesRoutes(page),
    exportRoutes(page),
    compareRoutes(page),
    runRoutes(page),
  ]) {
    app.route('/api', routes);
  }
  app.all('/api/*', nothing);
  app.route('/pictures', pictureBytesRoutes(page));
  app.all('/pictures/*', nothing);
  app.route('/', appRoutes(options.appFolder));
  app.notFound(nothing);
  app.onError((error, c) => {
    const { status, body } = options.problemOf(error, c.req.path);
    return c.json(body, status as ContentfulStatusCode);
  });
  return app;
}
