import type { Config } from '../config.ts';
import type { Logger } from '../logger.ts';
import type { AnswerCache, OpenAnswerCache } from '../shared/answer-cache.ts';
import type { ListRuns, OpenStore } from '../shared/result-store.ts';
import type { AskEvent, Estimate } from '../shared/single.ts';
import type { RecordedAnswer, Rebuilt } from '../shared/rebuilt.ts';
import type { Probes } from '../shared/probes.ts';
import type { Purge } from '../shared/purge.ts';
import type { ImageRef, PromptSet, RunInput } from '../shared/types.ts';
import type { RecordedRun } from './runs.ts';

/** A running simulator. */
export interface RunningSimulator {
  url: string;
  close(): Promise<void>;
}

/** Settings of the simulator that its command takes. */
export interface SimulatorSettings {
  port: number;
  /** `127.0.0.1` by default. */
  host?: string;
  requestsPerMinute: number;
  tokensPerMinute: number;
  /** Median time of a call. */
  latencyMs: number;
  /** Share of the account (0 to 1) that another process takes. */
  competitor: number;
  /** Whether answers tell of the limits in their headers. */
  rateHeaders: boolean;
  seed: number;
  /** Share of calls (0 to 1) by kind of fault. */
  faults: Record<string, number>;
}

/** Where a command writes, and what the other end can show. */
export interface Terminal {
  out: NodeJS.WritableStream;
  err: NodeJS.WritableStream;
  /** A person looks at `out`. */
  interactive: boolean;
  colors: boolean;
  /** Width in columns, read anew at each use. */
  columns(): number;
}

/** How a command wants its page served. */
export interface PageSettings {
  /** The command's own. */
  deps: Deps;
  /** The results place whose runs are shown. */
  root: string;
  host: string;
  /** 0: any free one. */
  port: number;
  /** Takes one of the next ports where that one is in use. */
  orNext: boolean;
  /** Logs nothing: a display is on the terminal. */
  quiet: boolean;
}

/** A page that is served. */
export interface RunningPage {
  /** As this machine reaches it, without a slash at the end. */
  url: string;
  /** Ends what is under way, too. */
  close(): Promise<void>;
}

/** All that the commands need of the outside; `cli.ts` alone puts it together. */
export interface Deps {
  config: Config;
  env: Readonly<Record<string, string | undefined>>;
  cwd: string;
  terminal: Terminal;
  logger: Logger;
  now(): number;
  /** Start of a command line that runs this program again. */
  self: readonly string[];
  /** How a person starts this program, for hints: `npm start --` or `image-analysis`. */
  calledAs: string;
  /** `--address` of this command line, which a command that goes on with it needs too. */
  addressFlag?: string;
  openStore: OpenStore;
  listRuns: ListRuns;
  /** Opens the store of paid answers, to look after it. */
  openAnswerCache(...args: Parameters<OpenAnswerCache>): Promise<AnswerCache>;
  /** Reads and checks a prompts file. Throws an Error that names file, line and remedy. */
  loadPrompts(path: string): Promise<PromptSet>;
  estimateRun(config: Config, input: RunInput): Promise<Estimate>;
  askPicture(
    config: Config,
    uri: string,
    options: { promptId?: string; prompts?: PromptSet },
  ): AsyncIterable<AskEvent>;
  /** Writes the view of a run's answers again. Throws a `StoreError`, or an Error that names the file that is damaged. */
  rebuildResults(
    config: Config,
    place: string,
    options: { answersOf: (workflowId: string) => Promise<RecordedAnswer[]> },
  ): Promise<Rebuilt>;
  /** Makes what a purge works with; nothing is read or removed yet. */
  openPurge(config: Config): Promise<Purge>;
  /** Asks the person at the terminal to agree; absent where there is none. */
  confirm?: (question: string) => Promise<boolean>;
  /** A small picture (JPEG, PNG or WebP) for a report; `null` where it cannot be shown. Absent where none can be made. */
  thumbnail?: (recorded: RecordedRun, picture: ImageRef) => Promise<Uint8Array | null>;
  /**
   * Serves the page; starts no Temporal server and no worker. Throws a {@link UsageError} for an address beyond this
   * machine without a token, and for one that cannot be listened at.
   */
  servePage(settings: PageSettings): Promise<RunningPage>;
  /** Makes what `doctor` looks with; nothing is asked yet. */
  openProbes(config: Config): Promise<Probes>;
  runWorker(config: Config, options: { logger: Logger; signal?: AbortSignal }): Promise<void>;
  startSimulator(settings: SimulatorSettings): Promise<RunningSimulator>;
  findTemporal(options: {
    cliPath: string | null;
    cacheDir: string;
    log: (line: string) => void;
  }): Promise<{ path: string; origin: string }>;
  /** Folder of the pictures that the demonstration analyses. */
  samples: string;
}

/** A person's mistake: exit status 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** Exit statuses, as the README lists them. */
export const EXIT = { ok: 0, failed: 1, usage: 2, incomplete: 3, blocked: 4, interrupted: 130 } as const;
