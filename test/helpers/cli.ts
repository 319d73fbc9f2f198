import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { ResultsFile } from '../../src/shared/results.ts';
import type { LedgerEntry } from '../../src/simulator/ledger.ts';

const CLI = resolve('dist/cli.js');

/** A key that must be found nowhere but in the environment of the processes that use it. */
export const CANARY_KEY = 'sk-canary-9f8e7d6c5b4a39281706f5e4d3c2b1a0';

export interface Ended {
  code: number | null;
  out: string;
  err: string;
}

export interface Running {
  child: ChildProcess;
  /** What it has printed so far. */
  out(): string;
  ended: Promise<Ended>;
}

/** A person's folder, in which the program as it is built is used with an environment of its own. */
export interface Place {
  folder: string;
  dataDir: string;
  /** The environment in which it runs the program. */
  env: Record<string, string>;
  start(args: string[], env?: Record<string, string>): Running;
  run(args: string[], env?: Record<string, string>): Promise<Ended>;
  /** Makes a folder of pictures `camera-000.jpg` …, all of them different. */
  pictures(n: number): string;
  results(run?: string): ResultsFile;
  runNames(): string[];
  /** Ends the engine, if one runs, and removes the folder. */
  close(): Promise<void>;
}

export function createPlace(env: Record<string, string> = {}): Place {
  const folder = mkdtempSync(join(tmpdir(), 'image-analysis-e2e-'));
  const dataDir = join(folder, 'data');
  const own = {
    PATH: process.env.PATH ?? '',
    HOME: process.env.HOME ?? '',
    ...(process.env.XDG_CACHE_HOME ? { XDG_CACHE_HOME: process.env.XDG_CACHE_HOME } : {}),
    OPENAI_API_KEY: CANARY_KEY,
    SIMULATED: 'true',
    DATA_DIR: dataDir,
    ...env,
  };
  const results = join(folder, 'results');

  const place: Place = {
    folder,
    dataDir,
    env: own,
    start(args, more = {}) {
      const child = spawn(process.execPath, [CLI, ...args], { cwd: folder, env: { ...own, ...more } });
      let out = '';
      let err = '';
      child.stdout.on('data', (text: Buffer) => (out += text.toString()));
      child.stderr.on('data', (text: Buffer) => (err += text.toString()));
      const ended = new Promise<Ended>((done) => {
        child.once('close', (code) => {
          done({ code, out, err });
        });
      });
      return { child, out: () => out + err, ended };
    },
    run: (args, more) => place.start(args, more).ended,
    pictures(n) {
      const pictures = join(folder, 'pictures');
      mkdirSync(pictures, { recursive: true });
      for (let i = 0; i < n; i += 1) {
        writeFileSync(join(pictures, `camera-${String(i).padStart(3, '0')}.jpg`), distinctPicture(i));
      }
      return pictures;
    },
    // Beside the runs lies the answer store, hidden.
    runNames: () =>
      readdirSync(results)
        .filter((name) => !name.startsWith('.'))
        .sort(),
    results(run = place.runNames().at(-1) ?? '') {
      return JSON.parse(readFileSync(join(results, run, 'results.json'), 'utf8')) as ResultsFile;
    },
    async close() {
      await place.run(['stop']);
      rmSync(folder, { recursive: true, force: true });
    },
  };
  return place;
}

const SMALL_SAMPLE = 'MARKET_CENTRE_CLOCK_TOWER_SIDE_10_246_9_21_20251125_173948.jpg';

/** A picture of 704×576, of which a call costs least, with bytes of its own: `n` stands in a JPEG comment. */
export function distinctPicture(n: number): Buffer {
  const sample = readFileSync(resolve('samples', SMALL_SAMPLE));
  const text = Buffer.from(`picture ${n}`);
  const comment = Buffer.concat([Buffer.from([0xff, 0xfe, 0, text.length + 2]), text]);
  return Buffer.concat([sample.subarray(0, 2), comment, sample.subarray(2)]);
}

/** Answers that the simulator gave and the client received, by picture and question. */
export function answersByQuestion(ledger: readonly LedgerEntry[]): Map<string, LedgerEntry[]> {
  const answers = new Map<string, LedgerEntry[]>();
  for (const entry of ledger) {
    if (entry.usage === null) continue;
    const key = `${entry.sha256 ?? ''} ${entry.question ?? ''}`;
    answers.set(key, [...(answers.get(key) ?? []), entry]);
  }
  return answers;
}
