import { createHash } from 'node:crypto';
import { imageSize } from 'image-size';
import { ApiFailure, invalidRequest } from './errors.ts';

/** A picture as the simulator received it. */
export interface Picture {
  bytes: Uint8Array;
  sha256: string;
  width: number;
  height: number;
}

/** Largest picture that the provider takes. */
const MAX_PICTURE_BYTES = 50 * 1024 * 1024;

const NOT_VALID =
  'The image data you provided does not represent a valid image. Please check your input and try again with one of ' +
  "the supported image formats: ['image/jpeg', 'image/png', 'image/gif', 'image/webp'].";

/** Where the picture stands in the request; errors name it. */
export interface PictureSource {
  api: 'responses' | 'chat';
  /** `https://…` or `data:…`. */
  url: string;
  /** `input[0].content[0].image_url`. */
  param: string;
}

/**
 * Fetches or decodes a picture, checks that its bytes are one of the four types and complete, and measures it.
 * Throws an {@link ApiFailure} with the provider's own words. Nothing is decoded: a picture is complete when its
 * container ends as its type says.
 */
export async function loadPicture(
  source: PictureSource,
  timeoutMs: number,
  stop: AbortSignal,
): Promise<Picture> {
  const bytes = source.url.startsWith('data:') ? decoded(source) : await downloaded(source, timeoutMs, stop);
  if (bytes.length > MAX_PICTURE_BYTES) {
    throw bad(
      `Invalid image: the file of ${bytes.length} bytes exceeds the maximum size of 50 MB.`,
      source,
      'image_too_large',
    );
  }
  const type = typeOf(bytes);
  if (type === null) {
    throw bad(
      "You uploaded an unsupported image. Please make sure your image has of one the following formats: ['png', 'jpeg', 'gif', 'webp'].",
      source,
      'invalid_image_format',
    );
  }
  const size = complete(type, bytes) ? sizeOf(bytes) : null;
  if (size === null) throw bad(NOT_VALID, source, 'image_parse_error');
  return { bytes, sha256: createHash('sha256').update(bytes).digest('hex'), ...size };
}

/** "Timeout while downloading …" as each API words and codes it. */
export const downloadTimeout = (source: PictureSource): ApiFailure =>
  downloadProblem(source, `Timeout while downloading ${source.url}.`);

/** "Error while downloading … Upstream status code: N." */
export const downloadRefused = (source: PictureSource, status: number): ApiFailure =>
  downloadProblem(source, `Error while downloading ${source.url}. Upstream status code: ${status}.`);

function downloadProblem(source: PictureSource, message: string): ApiFailure {
  return new ApiFailure(
    source.api === 'chat'
      ? invalidRequest(message, null, 'invalid_image_url')
      : invalidRequest(message, 'url', 'invalid_value'),
  );
}

const bad = (message: string, source: PictureSource, code: string): ApiFailure =>
  new ApiFailure(invalidRequest(message, source.param, code));

function decoded(source: PictureSource): Uint8Array {
  const [, mime, base64] = /^data:([^,;]*);base64,([A-Za-z0-9+/]*={0,2})$/.exec(source.url) ?? [];
  const expected =
    `Invalid '${source.param}'. Expected a base64-encoded data URL with an image MIME type ` +
    "(e.g. 'data:image/png;base64,aW1nIGJ5dGVzIGhlcmU='), but got ";
  if (mime === undefined || base64 === undefined) {
    throw bad(`${expected}an invalid base64-encoded value.`, source, 'invalid_base64_image');
  }
  if (!mime.startsWith('image/')) {
    throw bad(`${expected}unsupported MIME type '${mime}'.`, source, 'unsupported_image_media_type');
  }
  if (base64 === '') throw bad(`${expected}empty base64-encoded bytes.`, source, 'empty_image_file');
  return Buffer.from(base64, 'base64');
}

async function downloaded(source: PictureSource, timeoutMs: number, stop: AbortSignal): Promise<Uint8Array> {
  if (!URL.canParse(source.url) || !/^https?:$/.test(new URL(source.url).protocol)) {
    const message = `Invalid '${source.param}'. Expected a valid URL, but got a value with an invalid format.`;
    throw bad(message, source, 'invalid_value');
  }
  const timeout = AbortSignal.timeout(timeoutMs);
  try {
    const response = await fetch(source.url, { signal: AbortSignal.any([timeout, stop]) });
    if (!response.ok) {
      await response.body?.cancel();
      throw downloadRefused(source, response.status);
    }
    const bytes = await limited(response);
    if (bytes.length === 0) throw bad('The image file is empty.', source, 'empty_image_file');
    return bytes;
  } catch (error) {
    if (error instanceof ApiFailure) throw error;
    if (timeout.aborted) throw downloadTimeout(source);
    throw downloadProblem(source, `Failed to download image from ${source.url}.`);
  }
}

/** The body, read no further than a little over the largest size. */
async function limited(response: Response): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of (response.body ?? []) as AsyncIterable<Uint8Array>) {
    chunks.push(chunk);
    length += chunk.length;
    if (length > MAX_PICTURE_BYTES) break;
  }
  return Buffer.concat(chunks);
}

type PictureType = 'jpeg' | 'png' | 'gif' | 'webp';

/** The type by the bytes; the name and the declared type play no part. */
function typeOf(bytes: Uint8Array): PictureType | null {
  const head = Buffer.from(bytes.subarray(0, 12)).toString('latin1');
  if (head.startsWith('\xff\xd8\xff')) return 'jpeg';
  if (head.startsWith('\x89PNG\r\n\x1a\n')) return 'png';
  if (head.startsWith('GIF87a') || head.startsWith('GIF89a')) return 'gif';
  return head.startsWith('RIFF') && head.slice(8) === 'WEBP' ? 'webp' : null;
}

function complete(type: PictureType, bytes: Uint8Array): boolean {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  switch (type) {
    case 'jpeg':
      return buffer.lastIndexOf('\xff\xd9', undefined, 'latin1') > 0;
    case 'png':
      return buffer.lastIndexOf('IEND', undefined, 'latin1') > 0;
    case 'gif':
      return buffer.at(-1) === 0x3b;
    case 'webp':
      return buffer.length >= 12 && buffer.readUInt32LE(4) + 8 <= buffer.length;
  }
}

function sizeOf(bytes: Uint8Array): { width: number; height: number } | null {
  try {
    const { width, height } = imageSize(bytes);
    return width > 0 && height > 0 ? { width, height } : null;
  } catch {
    return null;
  }
}
