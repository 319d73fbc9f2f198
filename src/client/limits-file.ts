import { wholeNumber, type Config } from '../config.ts';
import type { Limits } from '../shared/types.ts';
import { UsageError } from './deps.ts';
import { limitsFileOf } from './engine/launch.ts';
import { jsonFile } from './engine/state.ts';
import { count } from './render/format.ts';

const inWords = (limits: Limits): string =>
  `${count(limits.requestsPerMinute)} requests and ${count(limits.tokensPerMinute)} tokens a minute`;

/**
 * `--rpm` and `--tpm` set the limits of the embedded engine's account, for every run that uses it and for those to
 * come. Returns what to tell the person; `null` when there is nothing to tell. Against a server that is not ours the
 * flags are wrong usage: its workers have their own settings.
 */
export function setLimits(config: Config, flags: { rpm?: string; tpm?: string }): string | null {
  const asked = flags.rpm !== undefined || flags.tpm !== undefined;
  if (asked && config.address !== null) {
    throw new UsageError(
      `--rpm and --tpm set the limits of the embedded engine, but this command uses ${config.address}. ` +
        'Set REQUESTS_PER_MINUTE and TOKENS_PER_MINUTE where its workers start.',
    );
  }
  if (config.address !== null) return null;
  const file = jsonFile<Limits>(limitsFileOf(config.dataDir));
  const before = file.read();
  if (!asked) {
    return before === null ? null : `Limits: ${inWords(before)}, as an earlier --rpm or --tpm set them.`;
  }
  const after = limitsWith(before ?? config.limits, flags);
  file.write(after);
  return (
    `Limits: ${inWords(after)} from now on (before: ${inWords(before ?? config.limits)}). ` +
    'They hold for every run on this engine.'
  );
}

/** Limits that hold now: on the embedded engine those that an earlier `--rpm` or `--tpm` set, if one did. */
export function limitsNow(config: Config): Limits {
  const stored = config.address === null ? jsonFile<Limits>(limitsFileOf(config.dataDir)).read() : null;
  return stored ?? config.limits;
}

/** Limits with the flags applied. Throws a `SettingError` that names the flag. */
export function limitsWith(limits: Limits, flags: { rpm?: string; tpm?: string }): Limits {
  return {
    requestsPerMinute: flags.rpm === undefined ? limits.requestsPerMinute : wholeNumber('--rpm', flags.rpm),
    tokensPerMinute: flags.tpm === undefined ? limits.tokensPerMinute : wholeNumber('--tpm', flags.tpm),
  };
}
