import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';

interface Locked {
  version?: string;
  resolved?: string;
  integrity?: string;
  hasInstallScript?: boolean;
  link?: boolean;
}

const { lockfileVersion, packages } = JSON.parse(readFileSync('package-lock.json', 'utf8')) as {
  lockfileVersion: number;
  packages: Record<string, Locked>;
};
const manifest = JSON.parse(readFileSync('package.json', 'utf8')) as Record<string, Record<string, string>>;
const locked = Object.entries(packages).filter(([place]) => place !== '');

/** Packages that run a script when they are installed, and why that is let be. None of them has to. */
const INSTALL_SCRIPTS: Record<string, string> = {
  '@swc/core':
    'checks that its binary for this system is there, which is a package of its own; else fetches one',
  esbuild: 'checks its binary in the same way; for development alone',
  protobufjs: 'warns when it is depended upon with a loose version; writes nothing',
};

test('a package runs a script when it is installed only if it is listed with the reason', () => {
  const running = locked.filter(([, { hasInstallScript }]) => hasInstallScript === true);
  const names = running.map(([place]) => place.slice(place.lastIndexOf('node_modules/') + 13));
  expect([...new Set(names)].toSorted()).toEqual(Object.keys(INSTALL_SCRIPTS).toSorted());
});

test('every package is locked to its content, and comes from the public registry alone', () => {
  expect(lockfileVersion).toBe(3);
  expect(
    locked.filter(([, { integrity, version }]) => !/^sha512-/.test(integrity ?? '') || !version),
  ).toEqual([]);
  const elsewhere = locked.filter(
    ([, { resolved, link }]) =>
      link === true || (resolved !== undefined && !resolved.startsWith('https://registry.npmjs.org/')),
  );
  expect(elsewhere.map(([place]) => place)).toEqual([]);
});

test('what we name ourselves is named by one exact version, which is the one that is locked', () => {
  for (const kind of ['dependencies', 'devDependencies'] as const) {
    for (const [name, version] of Object.entries(manifest[kind] ?? {})) {
      expect(version, name).toMatch(/^\d+\.\d+\.\d+(?:-[\w.]+)?$/);
      expect(packages[`node_modules/${name}`]?.version, name).toBe(version);
    }
  }
});
