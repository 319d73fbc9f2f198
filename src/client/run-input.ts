import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { oneOf, wholeNumber } from '../config.ts';
import { checkRunInput, MAX_BATCH_SIZE, MAX_CONCURRENCY, MAX_LIMIT } from '../shared/run-input.ts';
import type { RunInput } from '../shared/types.ts';
import { UsageError, type Deps } from './deps.ts';
import type { LimitFlags } from './limits.ts';

/** Flags of `run` as the command line gives them. */
export interface RunFlags extends LimitFlags {
  prompts?: string;
  model?: string;
  detail?: string;
  batchSize?: string;
  concurrency?: string;
  include?: string[];
  exclude?: string[];
  limit?: string;
  results?: string;
  name?: string;
  priority?: string;
  retention?: string;
  address?: string;
  detach?: boolean;
  /** `false`: `--no-page`. */
  page?: boolean;
  dryRun?: boolean;
  fresh?: boolean;
  notify?: string;
  json?: boolean;
  onBlock?: string;
}

/** `gs:/b`, `GS://b`, `s3://b`, `https://…`: nobody names a folder so. */
const LOOKS_LIKE_ADDRESS = /^(gs\b|\w{2,}:\/)/i;

/**
 * The workflow's input from a command line: paths made absolute, prompts read here (a worker elsewhere cannot), every
 * field checked as the workflow checks it. Throws a {@link UsageError} or a `SettingError`.
 */
export async function runInputOf(deps: Deps, source: string, flags: RunFlags): Promise<RunInput> {
  const { config, cwd } = deps;
  const place = (name: string, text: string): string => {
    if (text === '') throw new UsageError(`${name} is empty: name a folder, or gs://bucket/prefix/.`);
    // What looks like an address is left as it is, for the workflow's own rule to speak of.
    return LOOKS_LIKE_ADDRESS.test(text) ? text : resolve(cwd, text);
  };
  const number = (flag: string, text: string | undefined, most: number): number | undefined =>
    text === undefined ? undefined : wholeNumber(flag, text, most);
  if (flags.prompts === '') throw new UsageError('--prompts is empty: name a YAML file of questions.');
  const prompts =
    flags.prompts === undefined ? undefined : await deps.loadPrompts(resolve(cwd, flags.prompts));
  const fields: { [F in keyof RunInput]: RunInput[F] | undefined } = {
    source: place('source', source),
    name: flags.name,
    prompts,
    model: flags.model ?? config.model,
    detail:
      flags.detail === undefined ? config.detail : oneOf('--detail', flags.detail, ['low', 'high', 'auto']),
    batchSize: number('--batch-size', flags.batchSize, MAX_BATCH_SIZE),
    concurrency: number('--concurrency', flags.concurrency, MAX_CONCURRENCY),
    include: flags.include,
    exclude: flags.exclude,
    limit: number('--limit', flags.limit, MAX_LIMIT),
    fresh: flags.fresh,
    notify: flags.notify,
    results: flags.results === undefined ? config.results : place('--results', flags.results),
  };
  const input = Object.fromEntries(
    Object.entries(fields).filter(([, value]) => value !== undefined),
  ) as unknown as RunInput;
  const problems = checkRunInput(input);
  if (problems.length > 0) {
    throw new UsageError(problems.map(({ field, problem }) => `${field}: ${problem}`).join('\n'));
  }
  await checkSource(input.source);
  return input;
}

/** Temporal's priority key of a run, as `temporal workflow start --priority-key` takes it. Throws a {@link UsageError}. */
export function priorityOf(flag: string | undefined): number | null {
  if (flag === undefined) return null;
  if (/^[1-5]$/.test(flag)) return Number(flag);
  throw new UsageError(
    `--priority is ${JSON.stringify(flag)}: give a whole number from 1 (most urgent) to 5, for example --priority 1.`,
  );
}

/** What a shell's user expects to hear at once; what is inside is the plan's to look at. */
async function checkSource(source: string): Promise<void> {
  if (source.startsWith('gs://')) return;
  let found;
  try {
    found = await stat(source);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    const why =
      code === 'ENOENT' || code === 'ENOTDIR'
        ? 'there is no such folder'
        : `it cannot be read (${code ?? 'unknown'})`;
    throw new UsageError(
      `${JSON.stringify(source)}: ${why}. Name a folder of pictures, or gs://bucket/prefix/.`,
    );
  }
  if (!found.isDirectory()) {
    throw new UsageError(
      `${JSON.stringify(source)} is a file. Name its folder, with --include to choose among its pictures; ` +
        '`ask` asks about one picture.',
    );
  }
}
