import { PictureError } from './picture-error.ts';
import { pictureType } from './pictures.ts';

export const THUMBNAIL_WIDTH = 320;

/** No camera has more pixels; a file that says so is made to fill the memory. */
const MOST_PIXELS = 250_000_000;

/** Of a picture narrower than this there is nothing to be seen, however high it is. */
const MOST_SHAPE = 20;

/** A picture within the bounds takes a second at most, so one that takes longer is damaged or made to keep us busy. */
const SECONDS = 10;

/**
 * A thumbnail as WebP: {@link THUMBNAIL_WIDTH} pixels wide (never larger than the picture), upright as its EXIF says,
 * in sRGB, without metadata, of an animation the first frame. Size and kind are judged by the header, before anything
 * is decoded; what cannot be decoded to its end is an error. Throws a {@link PictureError} `unreadable`.
 */
export async function drawThumbnail(name: string, bytes: Uint8Array): Promise<Uint8Array> {
  const unreadable = (why: string, cause?: unknown): PictureError =>
    new PictureError('unreadable', `${name} cannot be shown: ${why}.`, { cause });

  if (pictureType(bytes) === null) throw unreadable('its content is no JPEG, PNG, WebP or GIF picture');
  // Loaded when it is first needed: its native part takes longer than the page's first answer.
  const { default: sharp } = await import('sharp');
  const input = { limitInputPixels: MOST_PIXELS, failOn: 'error', sequentialRead: true } as const;
  // Reads the header alone, so that an error can say how many pixels there are.
  const { width, height } = await sharp(bytes, { ...input, limitInputPixels: false })
    .metadata()
    .catch((error: unknown) => {
      throw unreadable('its header is damaged', error);
    });
  if (width * height > MOST_PIXELS) {
    throw unreadable(`${width} × ${height} pixels are more than a camera takes`);
  }
  // At full width such a picture's thumbnail would be as large as the picture.
  const size =
    Math.max(width / height, height / width) > MOST_SHAPE
      ? { width: THUMBNAIL_WIDTH, height: THUMBNAIL_WIDTH, fit: 'inside' as const }
      : { width: THUMBNAIL_WIDTH };
  return sharp(bytes, input)
    .autoOrient()
    .resize({ ...size, withoutEnlargement: true })
    .webp({ quality: 72, effort: 3 })
    .timeout({ seconds: SECONDS })
    .toBuffer()
    .catch((error: unknown) => {
      throw unreadable('it is damaged, and cannot be decoded to its end', error);
    });
}
