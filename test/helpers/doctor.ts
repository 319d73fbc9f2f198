import { expect } from 'vitest';
import type { Deps } from '../../src/client/deps.ts';
import { createProbes } from '../../src/worker/checks.ts';
import { runHere } from './program.ts';

/** One line of `doctor --json`. */
export interface Told {
  check: string;
  title: string;
  state: 'ok' | 'warn' | 'wrong' | 'skipped';
  found: string;
  remedy: string | null;
  ms: number;
}

export interface Diagnosis {
  status: number;
  /** By the check's name, in the order in which they were told. */
  checks: Map<string, Told>;
  /** All that was printed. */
  text: string;
}

/** `doctor --json` in this process, with the probes that the program has. */
export async function doctor(
  folder: string,
  env: Record<string, string>,
  args: string[] = [],
  can: Partial<Deps> = {},
): Promise<Diagnosis> {
  const openProbes: Deps['openProbes'] = async (config) => createProbes(config);
  const { status, out, err } = await runHere(folder, ['doctor', ...args, '--json'], env, {
    openProbes,
    ...can,
  });
  expect(err).toBe('');
  const lines = out.trim().split('\n');
  const told = lines.map((line) => JSON.parse(line) as Told);
  return { status, checks: new Map(told.map((one) => [one.check, one])), text: out };
}

/** Names of the checks in a state. */
export const inState = ({ checks }: Diagnosis, state: Told['state']): string[] =>
  [...checks.values()].filter((told) => told.state === state).map(({ check }) => check);

/** That this link is wrong and no other, and that its remedy names the mend. */
export function expectOnlyWrong(diagnosis: Diagnosis, check: string, found: RegExp, remedy: RegExp): void {
  expect(inState(diagnosis, 'wrong')).toEqual([check]);
  expect(diagnosis.checks.get(check)?.found).toMatch(found);
  expect(diagnosis.checks.get(check)?.remedy).toMatch(remedy);
  expect(diagnosis.status).toBe(1);
}
