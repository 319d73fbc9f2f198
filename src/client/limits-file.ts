import { wholeNumber, type Config } from '../config.ts';
import type { LimitSettings } from '../shared/types.ts';
import { UsageError } from './deps.ts';

/**
 * `--rpm` and `--tpm` set the limits of the embedded engine's account, for every run that uses it and for those to
 * come. Returns what to tell the person; `null` when there is nothing to tell.
 */
export function setLimits(config: Config, flags: { rpm?: string; tpm?: string }): string | null {
  const asked = flags.rpm !== undefined || flags.tpm !== undefined;
  if (asked && config.address !== null) {
    throw new UsageError(
      `--rpm and --tpm set the limits of the embedded engine, but this command uses ${config.address}.`,
    );
  }
  return null;
}

export const limitsNow = (config: Config): LimitSettings => config.limits;

/** Limits with those that the flags give in their place. Throws a `SettingError` that names the flag. */
export function limitsWith(limits: LimitSettings, flags: { rpm?: string; tpm?: string }): LimitSettings {
  return {
    requestsPerMinute: flags.rpm === undefined ? limits.requestsPerMinute : wholeNumber('--rpm', flags.rpm),
    tokensPerMinute: flags.tpm === undefined ? limits.tokensPerMinute : wholeNumber('--tpm', flags.tpm),
  };
}
