import { existsSync } from 'node:fs';
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

/** `ask PICTURE`: one picture and one question or all, with everything that is sent and comes back. No server. */
export async function askCommand(deps: Deps, picture: string, flags: AskFlags): Promise<number> {
  requireKey(deps);
  const uri = picture.startsWith('gs://') ? picture : resolve(deps.cwd, picture);
  if (!uri.startsWith('gs://') && !existsSync(uri)) {
    throw new UsageError(
      `${JSON.stringify(uri)}: there is no such file. Name a picture, or gs://bucket/picture.jpg.`,
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
  let failed = 0;
  for await (const event of deps.askPicture(config, deps.logger, uri, {
    ...(flags.prompt === undefined ? {} : { promptId: flags.prompt }),
    prompts,
  })) {
    show(event, flags, print, deps.terminal.columns());
    if (event.type === 'failure') failed += 1;
  }
  return failed === 0 ? EXIT.ok : EXIT.incomplete;
}

function show(event: AskEvent, flags: AskFlags, print: (line: string) => void, width: number): void {
  if (flags.json === true) {
    const { type, ...body } = event;
    print(JSON.stringify({ event: type, ...body }));
  } else {
    askLines(event, width).forEach(print);
  }
}
