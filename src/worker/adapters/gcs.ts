import type { Storage } from '@google-cloud/storage';

export interface GcsOptions {
  /** Where the API is in place of Google's, for an emulator (`STORAGE_EMULATOR_HOST`): `http://127.0.0.1:4443`. */
  apiEndpoint?: string | null;
}

/** Google's client, made when it is first needed: loading it takes a fifth of a second. */
export type Gcs = () => Promise<Storage>;

/**
 * Access to Cloud Storage with Application Default Credentials, which Google's library finds by itself
 * (`GOOGLE_APPLICATION_CREDENTIALS`, `gcloud auth application-default login`, or the machine's service account).
 * An emulator is asked without any.
 */
export function createGcs(options: GcsOptions = {}): Gcs {
  const apiEndpoint = options.apiEndpoint ? withScheme(options.apiEndpoint) : null;
  let storage: Promise<Storage> | undefined;
  return () => (storage ??= connect(apiEndpoint));
}

async function connect(apiEndpoint: string | null): Promise<Storage> {
  const { Storage } = await import('@google-cloud/storage');
  // Once, for a dropped connection: what lasts is for Temporal to retry, and a person hears of it within seconds.
  const retryOptions = { autoRetry: true, maxRetries: 1, totalTimeout: 60 };
  if (apiEndpoint === null) return new Storage({ retryOptions });
  const storage = new Storage({ retryOptions, apiEndpoint });
  // The library leaves the path out when STORAGE_EMULATOR_HOST is set, and every list then answers 404.
  storage.baseUrl = `${apiEndpoint}/storage/v1`;
  return storage;
}

const withScheme = (endpoint: string): string =>
  (/^https?:\/\//.test(endpoint) ? endpoint : `http://${endpoint}`).replace(/\/+$/, '');

/** A place in a bucket. `prefix` is empty or ends in `/`. */
export interface GcsPlace {
  bucket: string;
  prefix: string;
}

/** Reads `gs://bucket/prefix/`; the last slash may be left out. A string says what is wrong with it. */
export function parseGcsPlace(uri: string): GcsPlace | string {
  const [, bucket = '', rest = ''] = /^gs:\/\/([^/]*)(?:\/(.*))?$/s.exec(uri) ?? [];
  if (!/^[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]$/.test(bucket)) {
    return `${JSON.stringify(uri)} names no bucket; write it like gs://city-cameras/2025-11-25/.`;
  }
  if (/[\r\n]/.test(rest) || Buffer.byteLength(rest) > 1024) {
    return `${JSON.stringify(uri)} names no place in a bucket: a name has one line and at most 1,024 bytes.`;
  }
  return { bucket, prefix: rest === '' || rest.endsWith('/') ? rest : `${rest}/` };
}

/** What went wrong with a request to Cloud Storage, with no vendor's class and no URL in it. */
export interface GcsProblem {
  kind: 'missing' | 'forbidden' | 'precondition' | 'unreachable';
  message: string;
}

/** Reads an error of the library. Its text is kept to one line, and queries of URLs (signatures) are cut. */
export function gcsProblem(error: unknown): GcsProblem {
  const text = error instanceof Error ? error.message : String(error);
  const message = text.replace(/\?\S+/g, '').replace(/\s+/g, ' ').trim().replace(/\.$/, '').slice(0, 300);
  const code = error instanceof Error && 'code' in error ? Number(error.code) : NaN;
  if (code === 404) return { kind: 'missing', message };
  if (code === 412) return { kind: 'precondition', message };
  if (code === 401 || code === 403 || CREDENTIALS.test(text)) return { kind: 'forbidden', message };
  return { kind: 'unreachable', message };
}

const CREDENTIALS =
  /default credentials|invalid_grant|invalid_rapt|reauth|client_email|private.?key|credentials file/i;
