import { imageTokens } from '../shared/image-tokens.ts';
import type { ImageRef, Plan, Route } from '../shared/types.ts';
import { dataUrl, inspectPicture, MAX_PICTURE_BYTES } from './picture.ts';
import type { ImageSource } from './ports.ts';

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
  /** Bytes that were read; 0 by URL. */
  bytes: number;
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
    bytes: 0,
  };
}

/** What the listing already tells. */
function checkSize(image: ImageRef): void {
  if (image.bytes === 0) throw new UnusablePicture('it is empty');
  if (image.bytes <= MAX_PICTURE_BYTES) return;
  throw new UnusablePicture(`it has ${image.bytes} bytes; the provider takes ${MAX_PICTURE_BYTES} at most`);
}

/** By its bytes, which are looked at first. Throws a `SourceError` or an {@link UnusablePicture}. */
export async function prepareBytes(
  plan: Plan,
  image: ImageRef,
  source: ImageSource,
  signal: AbortSignal,
): Promise<PreparedPicture> {
  checkSize(image);
  const started = performance.now();
  const bytes = await source.read(image, signal);
  const read = performance.now();
  const picture = inspectPicture(bytes);
  if (!picture.ok) throw new UnusablePicture(picture.problem);
  const url = dataUrl(bytes, picture.mediaType);
  return {
    url,
    route: 'base64',
    imageTokens: imageTokens(plan.model, plan.detail, picture.width, picture.height),
    signMs: 0,
    downloadMs: Math.round(read - started),
    encodeMs: Math.round(performance.now() - read),
    bytes: bytes.length,
  };
}
