import { ESLint } from 'eslint';
import { expect, test } from 'vitest';
import tseslint from 'typescript-eslint';

/** The repository's own rules, without those that need types: the files of these tests do not exist. */
const eslint = new ESLint({ overrideConfig: [tseslint.configs.disableTypeChecked] });

async function rulesBroken(file: string, code: string): Promise<string[]> {
  const [result] = await eslint.lintText(`${code}\n`, { filePath: file });
  return (result?.messages ?? []).map(({ ruleId, message }) => ruleId ?? message);
}

const uses = (path: string): string => `import { x } from '${path}';\nexport const y = x;`;
const knows = (path: string): string => `import type { X } from '${path}';\nexport type Y = X;`;

const IMPORTS = '@typescript-eslint/no-restricted-imports';

test.each([
  ['src/shared/a.ts', uses('../activities/ports.ts')],
  ['src/shared/a.ts', uses('zod')],
  ['src/shared/a.ts', knows('../client/a.ts')],
  ['src/workflows/a.ts', uses('../activities/ask-model.ts')],
  ['src/workflows/a.ts', knows('../worker/main.ts')],
  ['src/workflows/a.ts', uses('../config.ts')],
  ['src/workflows/a.ts', uses('node:fs')],
  ['src/workflows/a.ts', uses('fs/promises')],
  ['src/workflows/a.ts', uses('@temporalio/activity')],
  ['src/activities/a.ts', uses('../worker/limiter/rate-limiter.ts')],
  ['src/activities/a.ts', uses('../workflows/index.ts')],
  ['src/activities/a.ts', uses('../config.ts')],
  ['src/activities/a.ts', uses('openai')],
  ['src/worker/a.ts', uses('../client/a.ts')],
  ['src/worker/a.ts', uses('../simulator/server.ts')],
  ['src/worker/a.ts', uses('@google-cloud/storage')],
  ['src/worker/adapters/a.ts', uses('../../client/a.ts')],
  ['src/client/a.ts', uses('../worker/main.ts')],
  ['src/client/commands/a.ts', uses('../../activities/plan-run.ts')],
  ['src/client/a.ts', uses('../workflows/index.ts')],
  ['src/client/a.ts', uses('openai/resources')],
  ['src/codec/a.ts', uses('../client/a.ts')],
  ['src/connection/a.ts', uses('../client/a.ts')],
  ['src/activities/a.ts', uses('../connection/open.ts')],
  ['src/activities/a.ts', uses('../codec/codec.ts')],
  ['src/workflows/a.ts', uses('../codec/failure-converter.ts')],
  ['src/web/a.ts', uses('../worker/main.ts')],
  ['src/simulator/a.ts', uses('../activities/ports.ts')],
  ['src/simulator/a.ts', uses('../config.ts')],
  ['src/config.ts', uses('./worker/main.ts')],
  ['src/logger.ts', uses('./config.ts')],
  ['src/cli.ts', uses('openai')],
])('%s may not hold: %s', async (file, code) => {
  expect(await rulesBroken(file, code)).toEqual([IMPORTS]);
});

test.each([
  ['src/shared/a.ts', uses('./names.ts')],
  ['src/workflows/a.ts', uses('../shared/names.ts')],
  ['src/workflows/a.ts', knows('../activities/index.ts')],
  ['src/workflows/a.ts', uses('@temporalio/workflow')],
  ['src/workflows/a.ts', 'export const now = Date.now() + Math.random();'],
  ['src/activities/a.ts', uses('./ports.ts')],
  ['src/activities/a.ts', uses('node:crypto')],
  ['src/worker/a.ts', uses('../activities/ports.ts')],
  ['src/worker/adapters/a.ts', uses('openai')],
  ['src/worker/adapters/a.ts', uses('../../shared/redact.ts')],
  ['src/codec/a.ts', uses('../config.ts')],
  ['src/connection/a.ts', uses('../config.ts')],
  ['src/worker/a.ts', uses('../connection/options.ts')],
  ['src/client/a.ts', uses('../connection/open.ts')],
  ['src/config.ts', uses('./config/access.ts')],
  ['src/worker/a.ts', uses('../codec/data-converter.ts')],
  ['src/client/a.ts', knows('../workflows/messages.ts')],
  ['src/client/a.ts', uses('../codec/data-converter.ts')],
  ['src/client/commands/a.ts', uses('../../config.ts')],
  ['src/cli.ts', uses('./worker/main.ts')],
  ['src/cli.ts', 'export const all = process.env;'],
])('%s may hold: %s', async (file, code) => {
  expect(await rulesBroken(file, code)).toEqual([]);
});

test.each([
  ['src/client/a.ts', 'export const all = process.env;', 'no-restricted-properties'],
  ['src/config.ts', 'export const all = process.env;', 'no-restricted-properties'],
  ['src/worker/a.ts', 'const { env } = process;\nexport const all = env;', 'no-restricted-properties'],
  ['src/worker/a.ts', uses('node:process').replace('{ x }', '{ env as x }'), IMPORTS],
  ['src/workflows/a.ts', 'export const all = fetch("http://127.0.0.1");', 'no-restricted-globals'],
])('%s may not hold: %s', async (file, code, rule) => {
  expect(await rulesBroken(file, code)).toEqual([rule]);
});
