import { imageTokens } from '../shared/image-tokens.ts';
import type { ImageRef, Plan, Route } from '../shared/types.ts';
import { dataUrl, dataUrlBytes, inspectPicture, MAX_PICTURE_BYTES } from './picture.ts';
import type { PictureMemory } from './picture-memory.ts';
import { type ImageSource, SourceError } from './ports.ts';

/** A picture made ready for one call. */
export interface PreparedPicture {
  /** A fetchable URL or a data URL; never logged, never in history. */
  url: string;
  route: Route;
  /** Tokens by the picture's size; `null` where the size is not known. */
  imageTokens: number | null;
  signMs: number;
  downloadMs: number;
  encodeMs: number;
  /** Waiting for room in memory, or for another question's reading of the same picture. */
  waitMs: number;
  /** Bytes that were read; 0 by URL, and when the picture was still in memory. */
  bytes: number;
  /** To be called when the call is over: the picture's room in memory is then another's. */
  release(): void;
}

/** What is kept in memory of a picture for its next question. Nothing in it depends on what is asked. */
export interface EncodedPicture {
  url: string;
  width: number;
  height: number;
}

/** A picture that is none, or too large: no call is spent on it. */
export class UnusablePicture extends Error {
  override readonly name = 'UnusablePicture';
}

/** By a URL that the provider fetches: nothing of the picture is held in memory. Throws an {@link UnusablePicture}. */
export async function prepareUrl(
  plan: Plan,
  image: ImageRef,
  sign: NonNullable<ImageSource['signedUrl']>,
): Promise<PreparedPicture> {
  checkSize(image);
  const started = performance.now();
  const url = await sign(image);
  return {
    url,
    route: 'url',
    imageTokens: plan.detail === 'low' ? plan.imageTokens : null,
    signMs: Math.round(performance.now() - started),
    downloadMs: 0,
    encodeMs: 0,
    waitMs: 0,
    bytes: 0,
    release: () => {},
  };
}

/** What the listing already tells. */
function checkSize(image: ImageRef): void {
  if (image.bytes === 0) throw new UnusablePicture('it is empty');
  if (image.bytes <= MAX_PICTURE_BYTES) return;
  throw new UnusablePicture(`it has ${image.bytes} bytes; the provider takes ${MAX_PICTURE_BYTES} at most`);
}

/**
 * By its bytes, which are looked at first. A picture is read for its first question and lent by `pictures` to those
 * that follow while it is there: that its source no longer holds it shows at a reading only.
 * Throws a `SourceError` or an {@link UnusablePicture}.
 */
export async function prepareBytes(
  plan: Plan,
  image: ImageRef,
  from: { source: ImageSource; pictures: PictureMemory<EncodedPicture> },
  signal: AbortSignal,
): Promise<PreparedPicture> {
  checkSize(image);
  const reading = { downloadMs: 0, encodeMs: 0, bytes: 0 };
  const load = async (unwanted: AbortSignal): Promise<{ value: EncodedPicture; bytes: number }> => {
    const started = performance.now();
    const bytes = await readInTime(from.source, image, unwanted);
    const read = performance.now();
    const picture = inspectPicture(bytes);
    if (!picture.ok) throw new UnusablePicture(picture.problem);
    const { width, height, mediaType } = picture;
    const url = dataUrl(bytes, mediaType);
    reading.downloadMs = Math.round(read - started);
    reading.encodeMs = Math.round(performance.now() - read);
    reading.bytes = bytes.length;
    return { value: { url, width, height }, bytes: url.length };
  };
  const started = performance.now();
  const { value, release } = await from.pictures.lend(
    image.identity,
    dataUrlBytes(image.bytes),
    load,
    signal,
  );
  const tookMs = Math.round(performance.now() - started);
  return {
    url: value.url,
    route: 'base64',
    imageTokens: imageTokens(plan.model, plan.detail, value.width, value.height),
    signMs: 0,
    ...reading,
    waitMs: Math.max(0, tookMs - reading.downloadMs - reading.encodeMs),
    release,
  };
}

/** A picture that is still coming after so long may never end; the largest needs 140 KB a second to be there. */
const READ_MS = 6 * 60_000;

/** Reads a picture; one whose bytes do not end in time is a {@link SourceError} as any other failed read. */
async function readInTime(source: ImageSource, image: ImageRef, unwanted: AbortSignal): Promise<Uint8Array> {
  const late = AbortSignal.timeout(READ_MS);
  try {
    return await source.read(image, AbortSignal.any([unwanted, late]));
  } catch (err) {
    if (!late.aborted) throw err;
    throw new SourceError('unreadable', `${image.uri} was not read within ${READ_MS / 60_000} minutes.`);
  }
}
