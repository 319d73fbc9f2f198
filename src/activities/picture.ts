import { imageSize } from 'image-size';

/** The provider's limit on a request's body (OpenAI's documentation: 50 MB of pictures a request). */
const MAX_REQUEST_BYTES = 50_000_000;
/** Instructions, question, schema and the JSON around the picture. */
const REST_OF_REQUEST_BYTES = 100_000;
/** Largest picture that still fits in a request: base64 writes 3 bytes as 4 characters. */
export const MAX_PICTURE_BYTES = Math.floor((MAX_REQUEST_BYTES - REST_OF_REQUEST_BYTES) / 4) * 3;
const MOST = (Math.floor(MAX_PICTURE_BYTES / 100_000) / 10).toFixed(1);

export type MediaType = 'image/jpeg' | 'image/png' | 'image/webp';

/** What a picture's bytes say about themselves. Width and height in pixels, as stored (not turned by EXIF). */
export type Inspection =
  { ok: true; mediaType: MediaType; width: number; height: number } | { ok: false; problem: string };

/**
 * Tells by content, whatever the name says, whether the bytes are a picture that a model can be asked about. Reads
 * the header only: a picture that ends in the middle is for the provider to judge. `problem` is for a person.
 */
export function inspectPicture(bytes: Uint8Array): Inspection {
  if (bytes.length === 0) return { ok: false, problem: 'the file is empty (0 bytes)' };
  if (bytes.length > MAX_PICTURE_BYTES) {
    const size = (Math.ceil(bytes.length / 100_000) / 10).toFixed(1);
    return {
      ok: false,
      problem: `the picture has ${size} MB; at most ${MOST} MB fit in a request; make it smaller`,
    };
  }
  const mediaType = MEDIA_TYPES.find(([, starts]) => starts(bytes))?.[0];
  if (mediaType === undefined) {
    return { ok: false, problem: `the content is not JPEG, PNG or WebP; it looks like ${describe(bytes)}` };
  }
  const size = sizeOf(bytes);
  if (size !== null) return { ok: true, mediaType, ...size };
  return { ok: false, problem: `the content begins like ${mediaType} but its header cannot be read` };
}

/** A picture as it goes into a request without a URL. */
export function dataUrl(bytes: Uint8Array, mediaType: MediaType): string {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return `data:${mediaType};base64,${view.toString('base64')}`;
}

/** What a picture's data URL weighs at most, in bytes of memory (one a character). */
export const dataUrlBytes = (bytes: number): number =>
  'data:image/jpeg;base64,'.length + 4 * Math.ceil(bytes / 3);

function sizeOf(bytes: Uint8Array): { width: number; height: number } | null {
  try {
    const { width, height } = imageSize(bytes);
    return width > 0 && height > 0 ? { width, height } : null;
  } catch {
    return null; // image-size has no error class of its own; whatever it throws means the header is unreadable
  }
}

const latin = (bytes: Uint8Array, from: number, to: number): string =>
  Buffer.from(bytes.subarray(from, to)).toString('latin1');

const starting =
  (magic: string, at = 0) =>
  (bytes: Uint8Array): boolean =>
    latin(bytes, at, at + magic.length) === magic;

const MEDIA_TYPES: [MediaType, (bytes: Uint8Array) => boolean][] = [
  ['image/jpeg', starting('\xff\xd8\xff')],
  ['image/png', starting('\x89PNG\r\n\x1a\n')],
  ['image/webp', (bytes) => starting('RIFF')(bytes) && starting('WEBP', 8)(bytes)],
];

const OTHERS: [string, (bytes: Uint8Array) => boolean][] = [
  ['a GIF', starting('GIF8')],
  ['an AVIF picture', starting('ftypavi', 4)],
  ['a HEIC picture', (bytes) => /^ftyp(?:hei|hev|mif1|msf1)/.test(latin(bytes, 4, 12))],
  ['an MP4 or QuickTime video', starting('ftyp', 4)],
  ['a BMP picture', starting('BM')],
  ['a TIFF picture', (bytes) => ['II*\0', 'MM\0*'].includes(latin(bytes, 0, 4))],
  ['a PDF', starting('%PDF-')],
  ['a ZIP archive', starting('PK\x03\x04')],
  ['gzip-compressed data', starting('\x1f\x8b')],
];

function describe(bytes: Uint8Array): string {
  const known = OTHERS.find(([, starts]) => starts(bytes));
  if (known) return known[0];
  const text = Buffer.from(bytes.subarray(0, 512))
    .toString('utf8')
    .replace(/^\uFEFF/, '')
    .trimStart()
    .toLowerCase();
  if (/^(?:<!doctype html|<html|<head|<body)/.test(text)) return 'an HTML page';
  if (/^<\?xml|^<svg|^<error/.test(text)) return text.includes('<svg') ? 'an SVG drawing' : 'an XML document';
  if (/^[{[]/.test(text)) return 'JSON';
  if (bytes.every((byte) => byte === 0)) return 'nothing but zero bytes';
  const binary = text.slice(0, -1).includes('\uFFFD') || bytes.subarray(0, 512).some((byte) => byte < 9);
  return binary ? 'unknown binary data' : 'plain text';
}
