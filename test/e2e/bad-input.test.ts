import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Simulator, startSimulator } from '../../src/simulator/server.ts';
import { createPlace, distinctPicture, type Ended, type Place, type Running } from '../helpers/cli.ts';
import { startTemporal, type TemporalServer } from '../helpers/temporal-server.ts';
import { until } from '../helpers/until.ts';

const ESC = String.fromCharCode(0x1b);
/** Control characters but for the line's end. */
const CONTROL = /[^\P{Cc}\n]/u;
const PASSWORD = 'hunter2-of-the-proxy';

const PROMPTS = `instructions: Answer one question about one still picture.
prompts:
  - { id: people, name: People, text: How many people are in this picture? }
  - { id: cars, name: Cars, text: How many cars are in this picture? }
`;

let simulator: Simulator;
let temporal: TemporalServer;
let place: Place;
let worker: Running;

beforeAll(async () => {
  simulator = await startSimulator({
    latency: { medianMs: 50 },
    limits: { requestsPerMinute: 60_000, tokensPerMinute: 60_000_000 },
  });
  temporal = await startTemporal();
  place = createPlace({
    OPENAI_BASE_URL: simulator.url,
    TEMPORAL_ADDRESS: temporal.address,
    LIMITS: '50000/50000000',
  });
  worker = place.start(['worker']);
  place.pictures(2);
  writeFileSync(join(place.folder, 'prompts.yaml'), PROMPTS);
});

afterAll(async () => {
  worker.child.kill('SIGTERM');
  await worker.ended;
  await place.close();
  await Promise.all([simulator.close(), temporal.close()]);
});

const said = ({ out, err }: Ended): string => out + err;
/** The same without the line ends at which it was wrapped. */
const words = (ended: Ended): string => said(ended).replace(/\s+/g, ' ');

test('wrong use and wrong settings end with status 2 and name what is wrong, its value and the remedy', async () => {
  const yaml = (name: string, text: string): string => {
    writeFileSync(join(place.folder, name), text);
    return name;
  };
  const withPrompts = (name: string, text: string): string[] => [
    'run',
    'pictures',
    '--prompts',
    yaml(name, text),
  ];
  const cases: [args: string[], env: Record<string, string>, message: RegExp][] = [
    [['run', 'nowhere'], {}, /nowhere": there is no such folder\. Name a folder/],
    [['run', 'pictures/camera-000.jpg'], {}, /camera-000\.jpg" is a file\. Name its folder/],
    [['run', 'gs://Upper/x'], {}, /source: "gs:\/\/Upper\/x" is no bucket address: write gs:\/\//],
    [['run'], {}, /missing required argument 'source'/],
    [['run', ''], {}, /source is empty: name a folder/],
    [['run', 's3://cameras/x'], {}, /source: "s3:\/\/cameras\/x" is no bucket address/],
    [['run', 'pictures', '--batch-size', '17'], {}, /--batch-size is "17": give a whole number from 1 to 16/],
    [['run', 'pictures', '--limit', '0'], {}, /--limit is "0": give a whole number from 1/],
    [['run', 'pictures', '--detail', 'best'], {}, /--detail is "best": give one of low, high, auto/],
    [['run', 'pictures'], { LIMITS: '480/0' }, /LIMITS is "0": give a whole number/],
    [['run', 'pictures'], { LIMITS: 'NaN' }, /LIMITS is "NaN": give/],
    [
      ['run', 'pictures'],
      { TEMPORAL_ADDRESS: 'http://x' },
      /TEMPORAL_ADDRESS is "http:\/\/x": give host:port/,
    ],
    [['run', 'pictures'], { OPENAI_API_KEY: '', TEMPORAL_ADDRESS: '' }, /OPENAI_API_KEY is not set/],
    [
      ['run', 'pictures'],
      { OPENAI_BASE_URL: `https://me:${PASSWORD}@proxy.example/v1` },
      /OPENAI_BASE_URL holds a user name or password \(its value is not shown\)/,
    ],
    [['run', 'pictures', '--prompts', 'none.yaml'], {}, /none\.yaml cannot be read \(ENOENT\)/],
    [
      withPrompts('malformed.yaml', PROMPTS.replace('id: cars, name: Cars,', 'id: [cars, name: Cars,')),
      {},
      /malformed\.yaml, line 4, column \d+: /,
    ],
    [
      withPrompts('twice.yaml', PROMPTS.replace('id: cars', 'id: people')),
      {},
      /twice\.yaml, line 4, column 11: prompts\[1\]\.id: "people" is the id of prompts\[0\] too/,
    ],
    [
      withPrompts('control.yaml', PROMPTS.replace('How many cars', `"How${ESC}[31m many"`)),
      {},
      /control\.yaml, line 4, column \d+: /,
    ],
    [
      withPrompts('empty-list.yaml', 'instructions: Answer.\nprompts: []\n'),
      {},
      /empty-list\.yaml, line 2, column 10: prompts: holds no question; add one/,
    ],
  ];
  const ended = await Promise.all(cases.map(([args, env]) => place.run(args, env)));
  for (const [i, [args, , message]] of cases.entries()) {
    const one = ended[i] ?? { code: null, out: '', err: '' };
    expect(words(one), args.join(' ')).toMatch(message);
    expect(one.code, args.join(' ')).toBe(2);
    expect(said(one), args.join(' ')).not.toMatch(CONTROL);
    expect(said(one)).not.toContain(PASSWORD);
    expect(said(one)).not.toMatch(/\n\s+at /);
  }
  const nobody = await place.run(['run', 'pictures', '--address', '127.0.0.1:1']);
  expect(nobody.code).toBe(1);
  expect(nobody.err).toMatch(
    /No Temporal server answers at 127\.0\.0\.1:1: nothing listens there .*Start it, correct .*--address/,
  );
  expect(simulator.ledger).toHaveLength(0);
});

test('what only the worker can find out fails the run with the same care', async () => {
  mkdirSync(join(place.folder, 'empty'));
  mkdirSync(join(place.folder, 'texts'));
  writeFileSync(join(place.folder, 'texts', 'notes.txt'), 'x');
  const cases: [args: string[], code: number, message: RegExp][] = [
    [['run', 'empty'], 2, /source: .*\/empty holds no pictures\. Name the folder/],
    [['run', 'texts'], 2, /texts holds no pictures\. 1 objects? there/],
    [['run', 'pictures', '--results', '/proc/nowhere'], 2, /\/proc\/nowhere.* cannot be written: .*ENOENT/],
    [
      ['run', 'pictures', '--results', resolve('package.json')],
      2,
      /cannot be written: a part of its path is a file/,
    ],
    [['run', 'pictures', '--model', 'gpt-none'], 1, /`gpt-none` does not exist .*another MODEL/],
  ];
  const ended = await Promise.all(cases.map(([args], i) => place.run([...args, '--name', `refused-${i}`])));
  for (const [i, [args, code, message]] of cases.entries()) {
    const one = ended[i] ?? { code: null, out: '', err: '' };
    expect(words(one), args.join(' ')).toMatch(message);
    expect(one.code, args.join(' ')).toBe(code);
  }
  expect(simulator.ledger).toHaveLength(0);
});

describe('names and answers that others wrote', () => {
  test('reach no terminal with a control character, by no command', async () => {
    const pictures = join(place.folder, 'hostile');
    mkdirSync(pictures);
    const name = `${ESC}]0;owned\u0007${ESC}[2J\u009b31m\u202egpj.jpg`;
    writeFileSync(join(pictures, name), distinctPicture(1));
    writeFileSync(join(pictures, `${ESC}[31mempty\r.jpg`), '');
    writeFileSync(join(pictures, `new\nline.txt`), '');
    simulator.setFaults([{ kind: 'control-characters', share: 1 }]);
    const run = await place.run(['run', 'hostile', '--prompts', 'prompts.yaml', '--name', 'hostile']);
    expect(run.code).toBe(3);
    expect(run.out).toMatch(/empty/);
    const commands = [
      ['results', 'hostile'],
      ['results', 'hostile', '--missing'],
      ['results', 'hostile', '--match', 'people'],
      ['results', 'hostile', '--json'],
      ['status', 'hostile'],
      ['status', 'hostile', '--json'],
      ['list'],
      ['ask', join(pictures, name), '--prompts', 'prompts.yaml'],
      ['ask', join(pictures, name), '--prompts', 'prompts.yaml', '--json'],
      ['ask', join(pictures, `${ESC}[31mgone.jpg`)],
      ['run', `${ESC}[31mgone`],
      ['results', `${ESC}[31mgone`],
      [`${ESC}[31mgone`],
    ];
    const ended = await Promise.all(commands.map((args) => place.run(args)));
    for (const [i, one] of [run, ...ended].entries()) {
      const command = (commands[i - 1] ?? ['run']).join(' ');
      expect(CONTROL.exec(said(one))?.[0], command).toBeUndefined();
      expect(said(one).includes('\u202e'), command).toBe(false);
    }
    expect(CONTROL.exec(worker.out())?.[0], 'the log').toBeUndefined();
    simulator.setFaults([]);
  });
});

describe('an account and a server that do not fit', () => {
  /** Answers everything as a real server would, and counts what it is asked. */
  async function realServer(): Promise<{ url: string; asked: string[]; close(): void }> {
    const asked: string[] = [];
    const server = createServer((request, response) => {
      asked.push(request.method ?? '');
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify({ id: 'gpt-4o', object: 'model' }));
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    return { url: `http://127.0.0.1:${port}/v1`, asked, close: () => void server.close() };
  }

  test('are refused both ways before anything is asked', async () => {
    const real = await realServer();
    const calls = simulator.ledger.length;
    const other = (name: string, env: Record<string, string>): Promise<Ended> => {
      const queue = { TASK_QUEUE: name, ...env };
      const own = place.start(['worker'], queue);
      return place.run(['run', 'pictures', '--name', name], queue).finally(async () => {
        own.child.kill('SIGTERM');
        await own.ended;
      });
    };
    const [realRun, simulatedRun] = await Promise.all([
      other('real-at-simulator', { SIMULATED: 'false' }),
      other('simulated-at-real', { OPENAI_BASE_URL: real.url }),
    ]);
    real.close();
    expect(words(realRun)).toMatch(
      /A simulator answers in place of a real model.* OPENAI_BASE_URL, or SIMULATED/,
    );
    expect(words(simulatedRun)).toMatch(/what answers is not the simulator.* OPENAI_BASE_URL, or SIMULATED/);
    expect([realRun.code, simulatedRun.code]).toEqual([1, 1]);
    expect(simulator.ledger).toHaveLength(calls);
    expect(real.asked).not.toContain('POST');
  });
});

const isRoot = process.platform === 'linux' && process.getuid?.() === 0;

test.runIf(isRoot)(
  'a disk that fills blocks the run, which says why; `resume` goes on, and nothing is paid twice',
  async () => {
    const disk = join(place.folder, 'disk');
    mkdirSync(disk);
    spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', disk]);
    try {
      const calls = simulator.ledger.length;
      const run = [
        'run',
        place.pictures(16),
        '--prompts',
        'prompts.yaml',
        '--results',
        disk,
        '--name',
        'full',
      ];
      const running = place.start([...run, '--fresh', '--concurrency', '2', '--on-block', 'wait']);
      await until(async () => simulator.ledger.length >= calls + 4);
      const { bavail, bsize } = statfsSync(disk);
      try {
        writeFileSync(join(disk, 'filler'), Buffer.alloc(bavail * bsize));
      } catch {
        // The run was quicker by a block: the disk is full all the same.
      }
      await until(async () => running.out().includes('BLOCKED'));
      const status = await place.run(['status', 'full', '--results', disk]);
      expect(words(status)).toMatch(
        /BLOCKED.*the disk is full \(ENOSPC\); free some space, or name another place/,
      );
      expect(status.code).toBe(0);
      rmSync(join(disk, 'filler'));
      const [first, resumed] = await Promise.all([
        running.ended,
        place.run(['resume', 'full', '--results', disk]),
      ]);
      expect(words(first)).toMatch(/the disk is full \(ENOSPC\); free some space/);
      for (const one of [first, resumed]) {
        expect(words(one)).toMatch(/Answers 32 of 32/);
        expect(one.code).toBe(0);
      }
      expect(simulator.ledger).toHaveLength(calls + 32);
    } finally {
      spawnSync('umount', ['-l', disk]);
    }
  },
);

test.runIf(process.platform === 'linux')(
  'what the user may not read or write is refused, and names the right that is missing',
  async () => {
    const locked = join(place.folder, 'locked');
    mkdirSync(locked);
    chmodSync(locked, 0);
    // Root may do everything, unless it gives that up.
    const drop = isRoot ? ['setpriv', '--inh-caps=-all', '--bounding-set=-all'] : ['env'];
    const env = { TASK_QUEUE: 'unprivileged' };
    const [command = '', ...args] = [...drop, process.execPath, resolve('dist/cli.js'), 'worker'];
    const own = spawn(command, args, { cwd: place.folder, env: { ...place.env, ...env }, stdio: 'ignore' });
    try {
      const [source, results] = await Promise.all([
        place.run(['run', locked, '--name', 'unreadable'], env),
        place.run(['run', 'pictures', '--results', join(locked, 'results'), '--name', 'unwritable'], env),
      ]);
      expect(words(source)).toMatch(/locked may not be read: permission denied \(EACCES\); give the user/);
      expect(words(results)).toMatch(
        /locked\/results.* cannot be written: permission denied \(EACCES\); give the user/,
      );
      expect([source.code, results.code]).toEqual([2, 2]);
    } finally {
      own.kill('SIGTERM');
      await once(own, 'close');
      chmodSync(locked, 0o700);
    }
  },
);
