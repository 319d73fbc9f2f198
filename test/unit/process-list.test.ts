import { PassThrough } from 'node:stream';
import { expect, test } from 'vitest';
import type { Deps } from '../../src/client/deps.ts';
import { engineSpec } from '../../src/client/engine/launch.ts';
import { runProgram } from '../../src/client/program.ts';
import { readConfig, SETTINGS } from '../../src/config.ts';
import { DEMO_TASK_QUEUE } from '../../src/shared/names.ts';

/** Settings that hold a secret themselves; those that name a file of one end in `_FILE` or `_PATH`. */
const SECRETS = SETTINGS.map(({ name }) => name).filter(
  (name) => /KEY|SECRET|TOKEN|PASSWORD/.test(name) && !/_(?:FILE|PATH|TOKENS|DATA)$/.test(name),
);

const CANARY = 'sk-canary-0123456789abcdef';
const env = Object.fromEntries(SECRETS.map((name) => [name, CANARY]));

test('there are secrets to look for', () => {
  expect(SECRETS).toEqual(expect.arrayContaining(['OPENAI_API_KEY', 'NOTIFY_SECRET']));
});

test.each(['image-analysis', DEMO_TASK_QUEUE])(
  'no process of the engine has a secret in its command line, and only the worker has one at all (%s)',
  (taskQueue) => {
    const config = { ...readConfig(env, '/folder'), taskQueue };
    const deps = { config, env, self: ['/usr/bin/node', '/opt/cli.js'] };
    const { server, simulator, worker } = engineSpec(deps as unknown as Deps, '/opt/temporal').commands({
      server: 7233,
      ui: 8233,
      simulator: 4010,
    });
    for (const command of [server, simulator, worker]) {
      expect(JSON.stringify([command?.file, command?.args])).not.toContain('canary');
    }
    for (const other of [server, simulator]) {
      expect([other?.env['OPENAI_API_KEY'] ?? '', other?.env['NOTIFY_SECRET'] ?? '']).toEqual(['', '']);
    }
    expect(worker.env['OPENAI_API_KEY']).toBe(CANARY);
  },
);

test('no flag of any command takes a secret: a command line is everybody’s to read', async () => {
  const helpOf = async (...command: string[]): Promise<string> => {
    const stdout = new PassThrough();
    const noDeps = (): Deps => {
      throw new Error('no command runs here');
    };
    await runProgram([...command, '--help'], noDeps, { stdout, stderr: stdout });
    return String(stdout.read());
  };
  const commands = [...((await helpOf()).split('Commands:')[1] ?? '').matchAll(/^ {2}([a-z-]+)/gm)];
  expect(commands.length).toBeGreaterThan(10);
  for (const [, command = ''] of commands) {
    const flags = [...(await helpOf(command)).matchAll(/^ +(?:-\w, )?--([a-z-]+)/gm)].map(
      ([, flag = '']) => flag,
    );
    expect(
      flags.filter((flag) => /key|secret|password|token(?!-file)|header$/.test(flag)),
      command,
    ).toEqual([]);
  }
});
