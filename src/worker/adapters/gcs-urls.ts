import type { GetSignedUrlConfig } from '@google-cloud/storage';
import { SourceError } from '../../activities/ports.ts';
import type { Gcs, GcsPlace } from './gcs.ts';
import { gcsProblem } from './gcs.ts';

const MINUTE = 60_000;
/** A URL's start is rounded down to this, so that the same text comes out whenever it is signed within it. */
const ROUNDED_TO = 10 * MINUTE;
/** From the rounded start; the provider has 80 to 90 minutes from the moment of signing. */
const LIFE = 90 * MINUTE;
/** A URL with less left than this is signed anew. */
const SPARE = 15 * MINUTE;
/** Some 800 bytes each; far more than the pictures that are asked about at one time. */
const KEPT = 2_000;

/** An object at one generation. */
export interface GcsObject {
  bucket: string;
  object: string;
  generation: string;
}

export interface GcsUrls {
  /** A V4 URL for GET, the same text for all prompts of a picture. Throws a {@link SourceError}. */
  sign(target: GcsObject): Promise<string>;
  /** Why this process cannot sign, with the remedy; `null` when it can. Throws when the answer cannot be had. */
  problem(place: GcsPlace): Promise<string | null>;
}

/** Signs URLs and keeps them in memory, never anywhere else. The clock gives milliseconds since 1970. */
export function createGcsUrls(gcs: Gcs, now: () => number): GcsUrls {
  const kept = new Map<string, { url: Promise<string>; expires: number }>();

  async function signNow({ bucket, object, generation }: GcsObject, start: number): Promise<string> {
    const storage = await gcs();
    const config: GetSignedUrlConfig = {
      version: 'v4',
      action: 'read',
      accessibleAt: start,
      expires: start + LIFE,
    };
    const [url] = await storage.bucket(bucket).file(object, { generation }).getSignedUrl(config);
    return url;
  }

  return {
    async sign(target) {
      const key = `${target.bucket}/${target.object}#${target.generation}`;
      const start = Math.floor(now() / ROUNDED_TO) * ROUNDED_TO;
      let entry = kept.get(key);
      if (entry === undefined || entry.expires - SPARE <= now()) {
        entry = { url: signNow(target, start), expires: start + LIFE };
      }
      kept.delete(key);
      kept.set(key, entry); // the newest at the end: the first key is the one that was asked for longest ago
      for (const oldest of kept.keys()) {
        if (kept.size <= KEPT) break;
        kept.delete(oldest);
      }
      try {
        return await entry.url;
      } catch (error) {
        if (kept.get(key) === entry) kept.delete(key);
        const { message } = gcsProblem(error);
        const what = `No URL can be signed for gs://${target.bucket}/${target.object}: ${message}`;
        if (PASSING.test(message)) throw new SourceError('unreachable', `${what}. Try again.`);
        throw new SourceError('forbidden', `${what}. ${SIGNING_REMEDY}`);
      }
    },

    async problem(place) {
      try {
        await signNow({ bucket: place.bucket, object: 'signing-check', generation: '1' }, now());
        return null;
      } catch (error) {
        const { message } = gcsProblem(error);
        if (PASSING.test(message)) {
          throw new SourceError(
            'unreachable',
            `Whether URLs can be signed is not known: ${message}. Try again.`,
          );
        }
        return `These credentials cannot sign URLs (${message}). ${SIGNING_REMEDY}`;
      }
    },
  };
}

/** The library's signing error keeps the text of the first error and drops its code. */
const PASSING =
  /ECONN|ETIMEDOUT|ENOTFOUND|EAI_AGAIN|EPIPE|socket|timed? ?out|status code (?:429|5\d\d)|unavailable/i;

const SIGNING_REMEDY =
  'To send URLs, run with a service-account key (GOOGLE_APPLICATION_CREDENTIALS), or as a service account that has ' +
  'iam.serviceAccounts.signBlob on itself (role Service Account Token Creator) with the IAM Credentials API enabled.';
