import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';

let folder: string;
let printed: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'page-'));
  printed = execFileSync(process.execPath, ['scripts/build-page.mjs', folder], { encoding: 'utf8' });
}, 60_000);

afterAll(() => rmSync(folder, { recursive: true, force: true }));

const html = (): string => readFileSync(join(folder, 'page', 'index.html'), 'utf8');

test('opening any page loads less than 200 kB compressed', () => {
  const loads = new Map(
    [...printed.matchAll(/^(\w+)\.tsx +([\d.]+) kB/gm)].map(([, page = '', kB]) => [page, Number(kB)]),
  );
  expect([...loads.keys()].sort()).toEqual(
    ['compare', 'login', 'picture', 'pictures', 'run', 'runs', 'summary'].sort(),
  );
  expect(Math.max(...loads.values())).toBeLessThan(200);
});

test('the HTML names files that are there, by names that change with their content', () => {
  const named = [...html().matchAll(/"\/assets\/([^"]+)"/g)].map(([, name]) => name);
  const files = readdirSync(join(folder, 'page', 'assets'));
  expect(named).toHaveLength(3);
  for (const name of named) {
    expect(files).toContain(name);
    expect(name).toMatch(/-[0-9A-Z]{8}\.(js|css|svg)$/);
  }
});

test('nothing of it needs a relaxed Content-Security-Policy or another host', () => {
  expect(html()).not.toMatch(/<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=/);
  for (const name of readdirSync(join(folder, 'page', 'assets'))) {
    const text = readFileSync(join(folder, 'page', 'assets', name), 'utf8');
    expect(text, name).not.toMatch(/\beval\(|new Function\(|@import|url\(["']?(https?:)?\/\//);
  }
});
