import type {
  AccountLimits,
  AskFailure,
  Counts,
  Detail,
  Limits,
  ModelAnswer,
  Prompt,
  Route,
  Timings,
  Try,
  Usage,
} from './types.ts';

/** Distribution of a duration in milliseconds. `null` where nothing was measured. */
export interface Spread {
  median: number;
  p95: number;
  samples: number;
}

/** One prompt's entry of a picture in `results.json`. */
export type ResultEntry =
  | (ModelAnswer & {
      route: Route;
      fallback?: string;
      usage: Usage | null;
      charged: number;
      sentAt: string;
      ms: number;
      timings: Timings;
      requestId?: string;
      /** The run that paid for it, when it was another one. */
      recalledFrom?: string;
      tries: Try[];
    })
  | { error: AskFailure };

/** One picture in `results.json`. */
export interface ResultImage {
  name: string;
  uri: string;
  identity: string;
  bytes: number;
  startedAt: string;
  endedAt: string;
  /** By prompt id. A prompt without an entry was not asked yet. */
  answers: Record<string, ResultEntry>;
}

/** The file `results.json`: a view, rebuilt from `run.json`, the listed pages and the shards. */
export interface ResultsFile {
  schemaVersion: 1;
  /** `SIMULATED: …` where no model looked at the pictures; absent in a real run. */
  label?: string;
  run: string;
  workflowId: string;
  state: string;
  startedAt: string;
  updatedAt: string;
  settings: {
    source: string;
    include: string[];
    exclude: string[];
    limit: number | null;
    model: string;
    api: string;
    detail: Detail;
    route: Route;
    routeReason: string | null;
    batchSize: number;
    concurrency: number | null;
    /** Those that held last. */
    limits: Limits & Pick<AccountLimits, 'from'>;
    maxOutputTokens: number;
    prompts: Pick<Prompt, 'id' | 'name'>[];
    account: string;
  };
  totals: Counts & {
    /** Pictures found. */
    found: number;
    skipped: number;
    /** US dollars at list prices; 0 when simulated; `unknown` for a model or server without a known price. */
    cost: number | 'unknown';
  };
  performance: {
    image: Spread | null;
    prompt: Spread | null;
    batch: Spread | null;
    signing: Spread | null;
    download: Spread | null;
    model: Spread | null;
    waiting: Spread | null;
    /** What held the run back most. */
    bottleneck: string;
  };
  skipped: { name: string; reason: string }[];
  images: ResultImage[];
}
