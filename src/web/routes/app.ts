import { readFile } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { Hono } from 'hono';
import { PageProblem } from '../problem.ts';
import type { PageEnv } from '../streams.ts';

const TYPES: Readonly<Record<string, string>> = {
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.woff2': 'font/woff2',
  '.json': 'application/json',
};

/** Names of assets hold the hash of their content. */
const FOR_EVER = 'public, max-age=31536000, immutable';

/**
 * The built application: `/assets/NAME`, and `index.html` at every other address, where the application itself decides
 * what is shown. Files of its folder alone, and of these the ones of the types above.
 */
export function appRoutes(folder: string): Hono<PageEnv> {
  const read = (...path: string[]): Promise<Uint8Array<ArrayBuffer> | null> =>
    readFile(join(folder, ...path)).then(
      (file) => new Uint8Array(file),
      () => null,
    );
  return new Hono<PageEnv>()
    .get('/assets/:name', async (c) => {
      const name = c.req.param('name');
      const type = TYPES[extname(name)];
      const file = type === undefined || !/^\w[\w.-]*$/.test(name) ? null : await read('assets', name);
      if (file === null || type === undefined) throw new PageProblem(404, 'The page has no such file.');
      return c.body(file, 200, { 'Content-Type': type, 'Cache-Control': FOR_EVER });
    })
    .get('/assets/*', () => {
      throw new PageProblem(404, 'The page has no such file.');
    })
    .get('*', async (c) => {
      const index = await read('index.html');
      if (index === null) throw new PageProblem(503, 'The page was not built: npm run build makes it.');
      return c.body(index, 200, { 'Content-Type': 'text/html; charset=utf-8', 'Cache-Control': 'no-cache' });
    });
}
