import { printableJson } from '../../shared/redact.ts';
import { existsSync, statSync } from 'node:fs';
import { resolve } from 'node:path';
import { oneOf, type Config } from '../../config.ts';
import type { AskEvent } from '../../shared/single.ts';
import { EXIT, UsageError, type Deps } from '../deps.ts';
import { askLines } from '../render/ask.ts';
import { requireKey } from './run.ts';

export interface AskFlags {
  prompt?: string;
  prompts?: string;
  model?: string;
  detail?: string;
  json?: boolean;
}

/** Longer lines of prose are hard to read. */
const WIDEST = 100;

/** `ask PICTURE`: one picture and one question or all, with everything that is sent and comes back. No server. */
export async function askCommand(deps: Deps, picture: string, flags: AskFlags): Promise<number> {
  requireKey(deps);
  const uri = picture.startsWith('gs://') ? picture : resolve(deps.cwd, picture);
  if (!uri.startsWith('gs://') && !existsSync(uri)) {
    throw new UsageError(
      `${JSON.stringify(uri)}: there is no such file. Name a picture, or gs://bucket/picture.jpg.`,
    );
  }
  if (!uri.startsWith('gs://') && statSync(uri).isDirectory()) {
    throw new UsageError(
      `${JSON.stringify(uri)} is a folder. Name one picture in it; \`run\` asks about all of them.`,
    );
  }
  const config: Config = {
    ...deps.config,
    model: flags.model ?? deps.config.model,
    detail:
      flags.detail === undefined
        ? deps.config.detail
        : oneOf('--detail', flags.detail, ['low', 'high', 'auto']),
  };
  const file = flags.prompts === undefined ? config.promptsFile : resolve(deps.cwd, flags.prompts);
  const prompts = await deps.loadPrompts(file);
  const ids = prompts.prompts.map(({ id }) => id);
  if (flags.prompt !== undefined && !ids.includes(flags.prompt)) {
    throw new UsageError(`--prompt is ${JSON.stringify(flags.prompt)}: the questions are ${ids.join(', ')}.`);
  }
  const print = (line: string): void => void deps.terminal.out.write(`${line}\n`);
  if (config.account.simulated && flags.json !== true) print('SIMULATED: no model looks at the picture.');
  /** A question that failed by URL and was then answered by base64 is none of them. */
  const failed = new Set<string>();
  let asked = 0;
  for await (const event of deps.askPicture(config, uri, {
    ...(flags.prompt === undefined ? {} : { promptId: flags.prompt }),
    prompts,
  })) {
    if (flags.json === true) print(printableJson(JSON.stringify(jsonOf(event))));
    else askLines(event, Math.min(deps.terminal.columns(), WIDEST), asked > 0).forEach(print);
    if (event.type !== 'request') asked += 1;
    if (event.type === 'failure') failed.add(event.prompt);
    if (event.type === 'answer') failed.delete(event.prompt);
  }
  return failed.size === 0 ? EXIT.ok : EXIT.incomplete;
}

const jsonOf = ({ type, ...body }: AskEvent): object => ({ event: type, ...body });
