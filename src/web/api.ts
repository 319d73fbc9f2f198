import type { Neighbours, PictureComparison, PictureRecord, PictureRow } from '../client/pictures/types.ts';
import type { Block, Detail, FailureKind, FailureLine, Limits, MinuteLine, Prompt } from '../shared/types.ts';

export type {
  Cell,
  Change,
  Neighbours,
  PictureRecord,
  PictureRow,
  Searched,
  ShownAnswer,
  Summary,
} from '../client/pictures/types.ts';

/**
 * What the page's server and its application say to each other, as JSON. Every text of it comes from a file, a model or
 * a person and is text, never markup.
 *
 * | route | answer |
 * |---|---|
 * | `GET /api/page` | {@link PageInfo} |
 * | `GET /api/runs` | {@link RunRow}[] newest first |
 * | `GET /api/runs/:run` | {@link RunDetail} |
 * | `GET /api/runs/:run/events` | server-sent events: `run` ({@link RunDetail}) whenever it changes, `pictures` ({@link PicturesVersion}) when answers came |
 * | `GET /api/runs/:run/pictures?from=0&take=60` + PictureQuery | {@link PicturePage} |
 * | `GET /api/runs/:run/search` + PictureQuery with `text` | server-sent events: `rows` ({@link PictureRow}[]), `searched` ({@link Searched}), `end` |
 * | `GET /api/runs/:run/pictures/:at` + PictureQuery | {@link PictureDetail} |
 * | `GET /api/runs/:run/summary` + PictureQuery | {@link Summary} |
 * | `GET /api/compare/:left/:right?from=0&take=60&only=changed` | {@link Comparison} |
 * | `GET /api/runs/:run/export.(json\|ndjson\|csv\|html)` + PictureQuery | a file |
 * | `GET /pictures/:run/:at/thumb`, `/pictures/:run/:at/full` | a picture; 404 or 422 with {@link Problem} |
 * | `POST /api/runs/:run/(pause\|resume\|cancel\|retry)` | {@link ActionDone}; body of `retry`: Retry |
 * | `POST /api/session` body `{ token }` | 204 and a cookie; 401 |
 *
 * PictureQuery is the one of `shared/picture-query.ts`, each field a parameter. Errors: a status of 400 or more and a {@link Problem}. POSTs need the header {@link PAGE_HEADER}.
 */
export const PAGE_HEADER = 'x-image-analysis-page';

export interface Problem {
  /** What is wrong and how to mend it, for a person. */
  problem: string;
  /** Command line that does what the page cannot do now. */
  command?: string;
}

export interface PageInfo {
  version: string;
  /** The results place. */
  root: string;
  simulated: boolean;
}

/** State as a person should read it: a run with missing answers is never `complete`; nobody works at an `interrupted` one. */
export type ShownState =
  | 'planning'
  | 'running'
  | 'paused'
  | 'blocked'
  | 'interrupted'
  | 'complete'
  | 'incomplete'
  | 'cancelled'
  | 'failed';

export interface RunRow {
  run: string;
  state: ShownState;
  source: string;
  model: string;
  simulated: boolean;
  /** ISO 8601, UTC. */
  startedAt: string;
  /** `null` while it has not ended. */
  endedAt: string | null;
  /** Time in which calls could be made, in milliseconds. */
  activeMs: number;
  pictures: number;
  /** More pictures may come. */
  listing: boolean;
  picturesComplete: number;
  answered: number;
  failed: number;
  /** Questions of the pictures found so far. */
  questions: number;
  /** In the plan's order. */
  prompts: { id: string; name: string; matches: number }[];
  inputTokens: number;
  outputTokens: number;
  recalled: number;
  /** Set when the run's record cannot be read: why. Every figure is 0 then. */
  problem: string | null;
}

export interface RunDetail extends RunRow {
  workflowId: string;
  /** Whether the workflow was asked now; otherwise all of this is its last record. */
  fresh: boolean;
  /** Why what the workflow says cannot be read here, for a person: the keys that it is encrypted with are missing. */
  unreadable: string | null;
  /** ISO 8601, UTC, of that record. */
  updatedAt: string | null;
  detail: Detail;
  route: string;
  routeReason: string | null;
  batchSize: number;
  concurrency: number | null;
  instructions: string;
  questionsAsked: Prompt[];
  include: string[];
  exclude: string[];
  limit: number | null;
  skipped: number;
  limits: Limits & { from: 'told' | 'headers' | 'start' };
  lastMinute: { requests: number; tokens: number } | null;
  callsUnderWay: number | null;
  waiting: number | null;
  remainingMs: number | null;
  rateLimited: number;
  fallbacks: number;
  possiblyPaid: number;
  cachedTokens: number;
  /** Set while the run waits for a person. */
  block: Block | null;
  warnings: string[];
  minutes: MinuteLine[];
  /** Failed questions by kind, most first. */
  errors: { kind: FailureKind; questions: number }[];
  recentFailures: FailureLine[];
  /** What may be done now from the page; where `possible` is false, `command` does it and `why` tells why. */
  actions: Action[];
  /** The run's workflow in the Temporal Web UI; `null` where no address of one is known. */
  webUi: string | null;
}

export type ActionName = 'pause' | 'resume' | 'cancel' | 'retry';

export interface Action {
  name: ActionName;
  possible: boolean;
  /** Why it is not possible; empty when it is. */
  why: string;
  /** Command line that does it. */
  command: string;
}

export interface ActionDone {
  /** What was done, for a person. */
  said: string;
}

export interface PicturesVersion {
  /** Changes whenever an answer came. */
  version: string;
}

export interface PicturePage {
  version: string;
  /** Pictures that the query finds, of all that the run has. */
  total: number;
  of: number;
  from: number;
  rows: PictureRow[];
  /** What filters can choose from, over the whole run. */
  cameras: string[];
  days: string[];
}

export interface PictureDetail extends PictureRecord, Neighbours {
  /** The batch's workflow in the Temporal Web UI. */
  webUi: string | null;
  retry: Action;
}

export interface Comparison extends PictureComparison {
  left: Pick<RunRow, 'run' | 'model' | 'startedAt' | 'state'>;
  right: Pick<RunRow, 'run' | 'model' | 'startedAt' | 'state'>;
}
