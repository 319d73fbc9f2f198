import { randomBytes } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { MAX_PICTURE_BYTES } from '../src/activities/picture.ts';
import { distinctPicture } from '../test/helpers/cli.ts';

/** A folder of distinct pictures, each of `bytes` at least: behind a picture's end are bytes that no decoder reads. */
export function makePictures(folder: string, name: string, count: number, bytes = 0): string {
  if (bytes > MAX_PICTURE_BYTES) throw new Error('no request can hold such a picture');
  const pictures = join(folder, name);
  mkdirSync(pictures);
  for (let n = 0; n < count; n += 1) {
    const picture = distinctPicture(n);
    const rest = randomBytes(Math.max(0, bytes - picture.length));
    writeFileSync(join(pictures, `camera-${String(n).padStart(6, '0')}.jpg`), Buffer.concat([picture, rest]));
  }
  return pictures;
}
