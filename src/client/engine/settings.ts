import { createHmac } from 'node:crypto';
import { codecFingerprint } from '../../codec/data-converter.ts';
import { limitsText, type Config } from '../../config.ts';

/** What a command must have in common with the engine that it joins: whose money, which server, which queue, which keys. */
const MUST = [
  'OPENAI_API_KEY',
  'OPENAI_BASE_URL',
  'ACCOUNT',
  'TASK_QUEUE',
  'STORAGE_EMULATOR_HOST',
  'CODEC_KEYS_FILE',
];

/**
 * A worker's settings as two commands compare them; secrets only as hashes that need the engine's token. Throws a
 * `SettingError` where the codec's keys cannot be read.
 */
export function workerSettings(config: Config, token: string): Record<string, string> {
  const hashed = (secret: string | null): string =>
    createHmac('sha256', token)
      .update(secret ?? '')
      .digest('hex');
  return {
    OPENAI_API_KEY: hashed(config.apiKey),
    OPENAI_BASE_URL: config.baseUrl,
    ACCOUNT: config.account.label,
    TASK_QUEUE: config.taskQueue,
    STORAGE_EMULATOR_HOST: config.gcsEndpoint ?? '',
    MODEL_API: config.api,
    IMAGE_ROUTE: config.route,
    MAX_OUTPUT_TOKENS: String(config.maxOutputTokens),
    MODEL_TIMEOUT_SECONDS: String(config.modelTimeoutMs / 1000),
    PICTURE_MEMORY_MB: String(config.pictureMemoryBytes / 1_000_000),
    LIMITS: limitsText(config.limits),
    PROMPTS_FILE: config.promptsFile,
    ANSWERS: config.answers,
    NOTIFY_SECRET: hashed(config.notifySecret),
    PAGE_URL: config.pageUrl ?? '',
    // The keys that the file holds, not its name: a worker has those that it held when the engine started.
    CODEC_KEYS_FILE: codecFingerprint(config, token),
    RETENTION_DAYS: String(config.retentionDays),
  };
}

/** Names of the settings in which the two differ: those that must not, and those that may. */
export function compareSettings(
  mine: Record<string, string>,
  running: Record<string, string>,
): { must: string[]; may: string[] } {
  const differing = Object.keys(mine).filter((name) => mine[name] !== running[name]);
  return {
    must: differing.filter((name) => MUST.includes(name)),
    may: differing.filter((name) => !MUST.includes(name)),
  };
}
