import type { AskFailure, AskResult, Detail, Limits, Route } from './types.ts';

/** What a run would ask, for `--dry-run`. Nothing was sent to the model. */
export interface Estimate {
  source: string;
  images: number;
  skipped: number;
  prompts: number;
  /** Calls in all: images × prompts. */
  calls: number;
  model: string;
  detail: Detail;
  route: Route;
  /** Tokens of all calls together, by kind. */
  tokens: { image: number; text: number; output: number; total: number };
  limits: Limits;
  /** Shortest possible time under the limits, in milliseconds. */
  shortestMs: number;
  bound: 'requests' | 'tokens';
}

/** A request as a person may see it. */
export interface AskRequest {
  model: string;
  api: string;
  instructions: string;
  question: string;
  schema: { name: string; schema: Record<string, unknown> };
  /** Says what was sent, without its bytes and without a signed URL. */
  imageUrl: string;
  detail: Detail;
  maxOutputTokens: number;
}

/** What `ask` shows, in the order in which it happens. */
export type AskEvent =
  | { type: 'request'; prompt: string; route: Route; body: AskRequest }
  | { type: 'answer'; prompt: string; raw: string; result: AskResult }
  | { type: 'failure'; prompt: string; failure: AskFailure };
