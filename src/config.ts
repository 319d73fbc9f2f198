import type { Account, Detail, Limits } from './shared/types.ts';

/** Every setting of the program, read once; nothing else reads the environment. */
export interface Config {
  /** `OPENAI_API_KEY`; `null` when unset. */
  apiKey: string | null;
  /** `OPENAI_BASE_URL`. */
  baseUrl: string;
  /** From `ACCOUNT`, the base URL's host and `SIMULATED`. */
  account: Account;
  /** `MODEL`. */
  model: string;
  /** `MODEL_API`: `responses` or `chat`. */
  api: 'responses' | 'chat';
  /** `IMAGE_ROUTE`: `url` (first) or `base64` (only). */
  route: 'url' | 'base64';
  /** `IMAGE_DETAIL`. */
  detail: Detail;
  /** `MAX_OUTPUT_TOKENS`. */
  maxOutputTokens: number;
  /** `MODEL_TIMEOUT_SECONDS`: one call, from its sending to the end of its body. */
  modelTimeoutMs: number;
  /** `REQUESTS_PER_MINUTE`, `TOKENS_PER_MINUTE`. */
  limits: Limits;
  /** `PROMPTS_FILE`: the worker's own questions. */
  promptsFile: string;
  /** `RESULTS`: the place below which each run has its folder; absolute, or `gs://`. */
  results: string;
  /** `DATA_DIR`: the embedded engine's database, lock and logs; absolute. */
  dataDir: string;
  /** `TEMPORAL_ADDRESS`; `null`: the embedded engine. */
  address: string | null;
  /** `TEMPORAL_NAMESPACE`. */
  namespace: string;
  /** `TASK_QUEUE`. */
  taskQueue: string;
  /** `TEMPORAL_CLI_PATH`. */
  temporalCliPath: string | null;
  /** `LOG_LEVEL`. */
  logLevel: 'debug' | 'info' | 'warn' | 'error';
}
