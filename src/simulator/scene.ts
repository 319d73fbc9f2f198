import { z } from 'zod';

const count = z.int().nonnegative().max(10_000);

/** What a drawn picture truly shows. */
const sceneSchema = z.strictObject({
  /** Version of this form. */
  scene: z.literal(1),
  place: z.string().max(200),
  people: count,
  /** Vehicles in the lanes, in either direction, those on the wrong side included; parked ones are not. */
  vehicles: count,
  /** Vehicles that stand where a sign forbids it. */
  parkedInNoParking: count,
  garbageBags: count,
  garbageHeaps: count,
  potholes: count,
  /** Vehicles that drive against their lane's direction. */
  wrongWay: count,
});

export type Scene = z.infer<typeof sceneSchema>;

const MARK = '{"scene":';

/** The text for a picture's EXIF `ImageDescription`. Plain ASCII, as the field demands. */
export const sceneText = (scene: Scene): string => JSON.stringify(scene);

/**
 * The scene in a picture's bytes; `null` when there is none or it is of another form.
 *
 * It is found without a decoder: JPEG, PNG (`eXIf`) and WebP (`EXIF`) all store the EXIF text uncompressed and end it
 * with a zero byte.
 */
export function sceneOf(bytes: Uint8Array): Scene | null {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const start = buffer.indexOf(MARK, 0, 'latin1');
  if (start < 0) return null;
  const end = buffer.indexOf(0, start);
  if (end < 0) return null;
  try {
    return sceneSchema.safeParse(JSON.parse(buffer.toString('latin1', start, end))).data ?? null;
  } catch {
    return null;
  }
}
