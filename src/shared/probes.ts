import type { Limits } from './types.ts';

/** What stood in the way of the model's answer; redacted. */
export interface ModelProblem {
  /** `api`: the server answered. */
  origin: 'api' | 'connection' | 'timeout' | 'aborted';
  status: number | null;
  /** The provider's code or type, or the system's. */
  code: string | null;
  message: string;
  /** What the table of failures advises (`failure-table.ts`); `null` where it has no advice. */
  remedy: string | null;
}

/** Code of a server that knows neither a model's address nor that of its list: it tells nothing of key and model. */
export const UNKNOWN_ADDRESS = 'unknown_address';

/** What one small call brought. */
export interface SmallAnswer {
  /** As the server spells it. */
  model: string;
  /** As the headers tell them; empty where there are none. */
  limits: Partial<Limits>;
  /** `null`: the server does not say. */
  totalTokens: number | null;
}

/** What `doctor` asks of the services that a worker uses, by the adapters that a worker uses. */
export interface Probes {
  /** Asks, at no cost, whether the key works and the model is served; `null` when both hold. Never rejects. */
  checkModel(signal: AbortSignal): Promise<ModelProblem | null>;
  /** Asks one small question about a picture of 32 × 32 pixels, which is billed. Never rejects. */
  askModel(signal: AbortSignal): Promise<SmallAnswer | ModelProblem>;
  /** Opens a source: `gs://…` or an absolute path. Throws a `SourceError` of kind `invalid`. */
  openSource(uri: string): SourceProbe;
  /** Writes, reads and removes a file in the results place. Throws a `StoreError`. */
  writeResults(): Promise<void>;
  /** Writes, reads and removes an answer in the answers' place. Throws a `StoreError`. */
  writeAnswers(): Promise<void>;
}

/** A look at a source. All throw a `SourceError`. */
export interface SourceProbe {
  /** How many of the first names are pictures, and how many are passed over. */
  list(signal: AbortSignal): Promise<{ pictures: number; skipped: number }>;
  /** Reads the first picture that {@link list} found; `problem`: why it cannot be asked about. */
  read(signal: AbortSignal): Promise<{ name: string; bytes: number; problem: string | null }>;
  /** Signs a URL for that picture and fetches its first byte; `null`: this source has no URLs to give. */
  sign: ((signal: AbortSignal) => Promise<Signed>) | null;
}

/** `signed`: the URL works. `unsigned`: these credentials make none. `refused`: it was made, and not served. */
export type Signed = { as: 'signed' } | { as: 'unsigned' | 'refused'; why: string };
