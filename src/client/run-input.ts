import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { oneOf, wholeNumber } from '../config.ts';
import { checkRunInput } from '../shared/run-input.ts';
import type { RunInput } from '../shared/types.ts';
import { UsageError, type Deps } from './deps.ts';

/** Flags of `run` as the command line gives them. */
export interface RunFlags {
  prompts?: string;
  model?: string;
  detail?: string;
  rpm?: string;
  tpm?: string;
  batchSize?: string;
  concurrency?: string;
  include?: string[];
  exclude?: string[];
  limit?: string;
  results?: string;
  name?: string;
  address?: string;
  detach?: boolean;
  dryRun?: boolean;
  json?: boolean;
  onBlock?: string;
}

/**
 * The workflow's input from a command line: paths made absolute, prompts read here (a worker elsewhere cannot), every
 * field checked as the workflow checks it. Throws a {@link UsageError} or a `SettingError`.
 */
export async function runInputOf(deps: Deps, source: string, flags: RunFlags): Promise<RunInput> {
  const { config, cwd } = deps;
  const place = (text: string): string => (text.startsWith('gs://') ? text : resolve(cwd, text));
  const number = (flag: string, text: string | undefined): number | undefined =>
    text === undefined ? undefined : wholeNumber(flag, text);
  const prompts =
    flags.prompts === undefined ? undefined : await deps.loadPrompts(resolve(cwd, flags.prompts));
  const fields: { [F in keyof RunInput]: RunInput[F] | undefined } = {
    source: place(source),
    name: flags.name,
    prompts,
    model: flags.model ?? config.model,
    detail:
      flags.detail === undefined ? config.detail : oneOf('--detail', flags.detail, ['low', 'high', 'auto']),
    batchSize: number('--batch-size', flags.batchSize),
    concurrency: number('--concurrency', flags.concurrency),
    include: flags.include,
    exclude: flags.exclude,
    limit: number('--limit', flags.limit),
    results: flags.results === undefined ? config.results : place(flags.results),
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
