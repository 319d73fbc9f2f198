import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ResultsFile } from '../../src/shared/results.ts';

/** What a newcomer does first: clone, `npm start`. */
describe('the demonstration from a fresh clone', () => {
  const folder = mkdtempSync(join(tmpdir(), 'image-analysis-clone-'));
  const clone = join(folder, 'image-analysis');
  let out = '';
  let code: number | null = null;

  beforeAll(async () => {
    execFileSync('git', ['clone', '--quiet', resolve('.'), clone]);
    // A real key is set, as on a newcomer's machine, and nothing listens where it would be used.
    const env = {
      ...process.env,
      OPENAI_API_KEY: 'sk-real-looking-key',
      OPENAI_BASE_URL: 'http://127.0.0.1:9',
    };
    const child = spawn('npm', ['start'], { cwd: clone, env });
    child.stdout.on('data', (text: Buffer) => (out += text.toString()));
    child.stderr.on('data', (text: Buffer) => (out += text.toString()));
    code = await new Promise((done) => child.once('close', done));
  }, 300_000);

  afterAll(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  test('ends well, within two minutes of its first call, and says what it was', () => {
    expect(code, out).toBe(0);
    expect(out).toContain('SIMULATED');
    expect(out).toMatch(/No money/);
    expect(out).toContain('300,000 tokens a minute');
    expect(out).toMatch(/http:\/\/127\.0\.0\.1:\d+\/namespaces\/default\/workflows\/image-analysis-/);
    expect(out).toMatch(/OPENAI_API_KEY=… npm start -- run \.\/pictures/);
  });

  test('answers every question about every sample, labelled as simulated', () => {
    const [run = ''] = readdirSync(join(clone, 'results')).filter((name) => !name.startsWith('.'));
    const text = readFileSync(join(clone, 'results', run, 'results.json'), 'utf8');
    const results = JSON.parse(text) as ResultsFile;
    expect(results.state).toBe('complete');
    expect(results.label).toContain('SIMULATED');
    expect(results.images).toHaveLength(readdirSync(resolve('samples')).length);
    expect(results.totals).toMatchObject({ answered: results.images.length * 6, failed: 0, rateLimited: 0 });
    const times = results.images.flatMap((image) =>
      Object.values(image.answers).map((answer) => ('error' in answer ? NaN : Date.parse(answer.sentAt))),
    );
    expect(Date.parse(results.updatedAt) - Math.min(...times)).toBeLessThan(120_000);
    expect(out).toContain(join('results', run));
  });
});
