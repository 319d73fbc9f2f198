import type {
  Block,
  Detail,
  FailureKind,
  FailureLine,
  Limits,
  MinuteLine,
  Prompt,
  PromptResult,
} from '../shared/types.ts';

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

/** A picture's answer as a list shows it. Absent: not asked yet. */
export type ShownAnswer = { match: boolean; count: number; description: string } | { error: FailureKind };

export interface PictureRow {
  /** Its place in the run's own order, from 0: page × 1,000 + index. */
  at: number;
  name: string;
  /** From the name; `null` where it tells none. */
  camera: string | null;
  /** Civil time of the name, `2025-11-25T11:21:43`; `null` where it tells none. */
  time: string | null;
  /** By prompt id. */
  answers: Record<string, ShownAnswer>;
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

export interface Searched {
  /** Pictures looked at so far. */
  searched: number;
  of: number;
  found: number;
}

export interface PictureDetail {
  at: number;
  name: string;
  camera: string | null;
  time: string | null;
  uri: string;
  identity: string;
  bytes: number;
  batch: number;
  /** ISO 8601, UTC; `null` while nothing was asked. */
  startedAt: string | null;
  endedAt: string | null;
  /** In the plan's order. `null`: not asked yet. */
  answers: { prompt: Prompt; outcome: PromptResult | null }[];
  /** Places of the neighbours under the query, and this one's rank in it; `null` at the ends, or when it is not in it. */
  previous: number | null;
  next: number | null;
  rank: number | null;
  total: number;
  /** The batch's workflow in the Temporal Web UI. */
  webUi: string | null;
  retry: Action;
}

/** How pictures stand behind one cell. */
export interface Cell {
  /** Pictures with an answer to the prompt. */
  answered: number;
  matches: number;
}

export interface Summary {
  version: string;
  prompts: {
    id: string;
    name: string;
    answered: number;
    matches: number;
    counted: number;
    failed: number;
    unasked: number;
  }[];
  /** Most pictures first; the name `null` gathers pictures whose name tells none. */
  cameras: { camera: string | null; pictures: number; cells: Record<string, Cell> }[];
  /** Hours that have pictures, in order; `null` gathers those without a time. */
  hours: { hour: number | null; pictures: number; cells: Record<string, Cell> }[];
  days: { day: string | null; pictures: number; cells: Record<string, Cell> }[];
}

export type Change = 'same' | 'appeared' | 'gone' | 'count' | 'newly failed' | 'newly answered';

export interface Comparison {
  left: Pick<RunRow, 'run' | 'model' | 'startedAt' | 'state'>;
  right: Pick<RunRow, 'run' | 'model' | 'startedAt' | 'state'>;
  /** Prompts that both have by id; `textChanged`: their words differ. */
  prompts: { id: string; name: string; textChanged: boolean; changes: Record<Change, number> }[];
  /** Prompt ids of one side alone. */
  onlyLeft: string[];
  onlyRight: string[];
  pictures: { both: number; onlyLeft: number; onlyRight: number };
  /** Pictures of both, by name, that have a change (or all); a page of them. */
  total: number;
  from: number;
  rows: {
    name: string;
    left: number;
    right: number;
    /** Whether both saw the very same content. */
    sameContent: boolean;
    answers: Record<string, { change: Change; left: ShownAnswer | null; right: ShownAnswer | null }>;
  }[];
}
