import type { RecordedRun } from '../client/runs.ts';
import type { ImageRef } from '../shared/types.ts';
import { createPictures, type ReadPicture } from './pictures.ts';
import { createThumbnails } from './thumbnails.ts';

/** A small picture for a report; `null` where it cannot be shown, whatever the reason: the report tells of it in words. */
export function createThumbnailOf(options: {
  read: ReadPicture;
  /** As `createThumbnails` takes it. */
  folder: string;
}): (recorded: Pick<RecordedRun, 'plan'>, image: ImageRef) => Promise<Uint8Array | null> {
  const pictures = createPictures(options);
  const thumbnails = createThumbnails(options);
  return async ({ plan }, image) => {
    const read = async (): Promise<Uint8Array> => (await pictures.read(plan, image)).bytes;
    return thumbnails.get(image, read).then(
      ({ bytes }) => bytes,
      () => null,
    );
  };
}
