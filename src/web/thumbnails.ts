import { createHash } from 'node:crypto';
import { createAtMost } from '../shared/at-most.ts';
import type { ImageRef } from '../shared/types.ts';
import { drawThumbnail } from './draw-thumbnail.ts';
import { createThumbnailFiles } from './thumbnail-files.ts';

export interface Thumbnail {
  /** WebP, {@link THUMBNAIL_WIDTH} pixels wide at most, upright, without the picture's metadata. */
  bytes: Uint8Array;
  type: 'image/webp';
  /** Names the content: a changed picture has another one. 64 hexadecimal digits. */
  key: string;
}

export interface Thumbnails {
  /**
   * The picture's thumbnail, made from `read` when there is none yet. Equal requests share one; a request that nobody
   * waits for any longer (`signal`) is not begun. Throws a `PictureError`, what `read` throws, and the signal's reason.
   */
  get(
    image: Pick<ImageRef, 'name' | 'identity'>,
    read: () => Promise<Uint8Array>,
    signal?: AbortSignal,
  ): Promise<Thumbnail>;
}

export interface ThumbnailOptions {
  /** Made when it is first needed. Several processes may share it. */
  folder: string;
  /** Most that the files in it take; those that were not asked for longest go first. 512 MB by default. */
  maxBytes?: number;
  now?: () => number;
}

const MOST_BYTES = 512 * 1024 * 1024;

/** Decoding is work for a processor, of which a run under way needs its part. */
const MADE_AT_ONCE = 2;

/** Changes when thumbnails are made in another way, so that older ones are not taken for them. */
const MAKE = 'webp 320 1';

/** Makes thumbnails once, when they are asked for, and keeps them on disk within a bound. */
export function createThumbnails(options: ThumbnailOptions): Thumbnails {
  const { folder, maxBytes = MOST_BYTES, now = Date.now } = options;
  const files = createThumbnailFiles({ folder, maxBytes, now });
  const atMost = createAtMost(MADE_AT_ONCE);
  const underWay = new Map<string, Work>();

  return {
    async get(image, read, signal) {
      const key = createHash('sha256').update(`${MAKE} ${image.identity}`).digest('hex');
      const thumbnail = (bytes: Uint8Array): Thumbnail => ({ bytes, type: 'image/webp', key });
      const known = await files.read(key);
      if (known !== null) return thumbnail(known);
      signal?.throwIfAborted();

      let work = underWay.get(key);
      if (work === undefined) {
        const begun: Work = { wanted: [signal], made: Promise.resolve(Buffer.alloc(0)) };
        begun.made = atMost(async () => {
          // Who scrolls through thousands of pictures has left most of them before their turn comes.
          if (begun.wanted.every((one) => one?.aborted)) {
            underWay.delete(key);
            throw new DOMException('Nobody waits for it any longer.', 'AbortError');
          }
          const bytes = await drawThumbnail(image.name, await read());
          await files.write(key, bytes);
          return bytes;
        }).finally(() => {
          if (underWay.get(key) === begun) underWay.delete(key);
        });
        underWay.set(key, begun);
        work = begun;
      } else {
        work.wanted.push(signal);
      }
      return thumbnail(await work.made);
    },
  };
}

interface Work {
  made: Promise<Uint8Array>;
  /** The signals of those who wait for it; one without a signal waits to the end. */
  wanted: (AbortSignal | undefined)[];
}
