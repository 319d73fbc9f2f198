import { Hono, type Context } from 'hono';
import type { ImageRef } from '../../shared/types.ts';
import type { RecordedRun } from '../../client/runs.ts';
import type { Page } from '../page.ts';
import { noSuchPicture, placeIn, runIn } from '../params.ts';
import type { PageEnv } from '../streams.ts';

/** A picture never changes under its identity, but another run may come to bear the name. */
const FOR_AN_HOUR = 'private, max-age=3600';

/** `GET /pictures/:run/:at/thumb` and `/full`. Throws a `PictureError`. */
export function pictureBytesRoutes({ pictures, bytes }: Page): Hono<PageEnv> {
  const find = async (c: Context<PageEnv>): Promise<{ recorded: RecordedRun; image: ImageRef }> => {
    const [run, at] = [runIn(c), placeIn(c)];
    const recorded = await pictures.recorded(run);
    const image = await pictures.imageAt(recorded, at);
    if (image === null) throw noSuchPicture();
    return { recorded, image };
  };
  return new Hono<PageEnv>()
    .get('/:run/:at/thumb', async (c) => {
      const { recorded, image } = await find(c);
      const { signal } = c.req.raw;
      const read = async (): Promise<Uint8Array> => (await bytes.pictures.read(recorded.plan, image)).bytes;
      const thumbnail = await bytes.thumbnails.get(image, read, signal);
      return send(c, thumbnail, thumbnail.key);
    })
    .get('/:run/:at/full', async (c) => {
      const { recorded, image } = await find(c);
      return send(c, await bytes.pictures.read(recorded.plan, image, c.req.raw.signal), null);
    });
}

function send(
  c: Context<PageEnv>,
  { bytes, type }: { bytes: Uint8Array; type: string },
  key: string | null,
): Response {
  const headers = {
    'Content-Type': type,
    'Cache-Control': FOR_AN_HOUR,
    ...(key === null ? {} : { ETag: `"${key}"` }),
  };
  if (key !== null && c.req.header('if-none-match') === `"${key}"`) return c.body(null, 304, headers);
  return c.body(new Uint8Array(bytes), 200, headers);
}
