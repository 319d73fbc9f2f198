import { resolve } from 'node:path';
import type { Config } from '../../config.ts';
import type { Probes } from '../../shared/probes.ts';
import type { Check } from './check.ts';
import { diskCheck } from './disk.ts';
import { modelChecks } from './model.ts';
import { placeChecks, sourceChecks } from './storage.ts';
import { temporalChecks } from './temporal.ts';

export interface DoctorOptions {
  /** As the person named it; `undefined`: none. */
  source: string | undefined;
  /** Whether one call may be made, which is billed. */
  ask: boolean;
  cwd: string;
  calledAs: string;
  now: () => number;
}

/** Every link from the Temporal server to the disk, in the order in which a run needs them. */
export function allChecks(
  config: Config,
  probes: Probes,
  { source, ask, cwd, calledAs, now }: DoctorOptions,
): { checks: Check[]; close(): Promise<void> } {
  const temporal = temporalChecks(config, { calledAs, now });
  return {
    checks: [
      ...temporal.checks,
      ...modelChecks(config, probes, { ask, calledAs, now }),
      ...sourceChecks(config, probes, source === undefined ? null : sourceOf(source, cwd), calledAs),
      ...placeChecks(config, probes),
      diskCheck(config),
    ],
    close: temporal.close,
  };
}

/** What looks like an address is left as it is, for the source's own rule to speak of. */
const sourceOf = (source: string, cwd: string): string =>
  /^(?:gs\b|\w{2,}:\/)/i.test(source) ? source : resolve(cwd, source);
