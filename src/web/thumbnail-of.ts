import type { RecordedRun } from '../client/runs.ts';
import type { ImageRef } from '../shared/types.ts';
import type { Pictures } from './pictures.ts';
import type { Thumbnails } from './thumbnails.ts';

/** A small picture for a report; `null` where it cannot be shown, whatever the reason: the report tells of it in words. */
export type ThumbnailOf = (
  recorded: Pick<RecordedRun, 'plan'>,
  image: ImageRef,
) => Promise<Uint8Array | null>;

export function createThumbnailOf({
  pictures,
  thumbnails,
}: {
  pictures: Pictures;
  thumbnails: Thumbnails;
}): ThumbnailOf {
  return async ({ plan }, image) => {
    const read = async (): Promise<Uint8Array> => (await pictures.read(plan, image)).bytes;
    return thumbnails.get(image, read).then(
      ({ bytes }) => bytes,
      () => null,
    );
  };
}
