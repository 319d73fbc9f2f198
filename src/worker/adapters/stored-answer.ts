import { createHash } from 'node:crypto';
import { z } from 'zod';
import type { StoredAnswer } from '../../activities/ports.ts';

/** An answer as it lies in a store: with a checksum over its key and its text. */
export interface SealedAnswer {
  /** `sha256-` and base64, as subresource integrity spells it. */
  integrity: string;
  entry: StoredAnswer & { v: typeof VERSION };
}

/** Is raised when an answer is kept in another form: what an earlier version wrote is then not there. */
const VERSION = 1;

const sealed = z.looseObject({
  integrity: z.string(),
  entry: z.looseObject({
    v: z.literal(VERSION),
    run: z.string().min(1),
    image: z.string(),
    answer: z.looseObject({
      match: z.boolean(),
      count: z.number(),
      description: z.string(),
      sentAt: z.string(),
      timings: z.looseObject({}),
      tries: z.array(z.unknown()),
    }),
  }),
});

export function seal(key: string, { answer, run, image }: StoredAnswer): SealedAnswer {
  const entry = { v: VERSION, run, image, answer } as const;
  return { integrity: checksum(key, entry), entry };
}

/** The answer under this key; `null` for what is torn, altered, another key's or of another form. */
export function unseal(key: string, found: unknown): StoredAnswer | null {
  if (!sealed.safeParse(found).success) return null;
  const { integrity, entry } = found as SealedAnswer;
  if (checksum(key, entry) !== integrity) return null;
  const { answer, run, image } = entry;
  return { answer, run, image };
}

/** Over the text, which comes back the same when JSON is read and written again. */
const checksum = (key: string, entry: SealedAnswer['entry']): string =>
  `sha256-${createHash('sha256')
    .update(`${key}\n${JSON.stringify(entry)}`)
    .digest('base64')}`;
