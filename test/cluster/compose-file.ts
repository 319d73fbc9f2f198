import { parse } from 'yaml';
import { z } from 'zod';

const condition = z.enum(['service_started', 'service_healthy', 'service_completed_successfully']);

/** Strict: what this reader does not know it could not run as Docker does. */
const service = z.strictObject({
  image: z.string(),
  build: z.strictObject({ context: z.literal('.'), target: z.string() }).optional(),
  profiles: z.array(z.string()).default([]),
  restart: z
    .string()
    .regex(/^(no|always|unless-stopped|on-failure(:\d+)?)$/)
    .default('no'),
  depends_on: z
    .record(z.string(), z.strictObject({ condition, required: z.boolean().optional() }))
    .default({}),
  environment: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])).default({}),
  entrypoint: z.array(z.string()).optional(),
  command: z.array(z.string()).optional(),
  volumes: z.array(z.string()).default([]),
  tmpfs: z.array(z.string()).default([]),
  ports: z.array(z.string()).default([]),
  healthcheck: z
    .strictObject({
      test: z.array(z.string()).min(2),
      interval: z.string(),
      timeout: z.string().optional(),
      retries: z.number().optional(),
      start_period: z.string().optional(),
      start_interval: z.string().optional(),
    })
    .optional(),
  stop_grace_period: z.string().default('10s'),
  secrets: z.array(z.string()).default([]),
  deploy: z.strictObject({ replicas: z.number() }).optional(),
  // What limits a container and changes nothing of what its program does.
  user: z.string().optional(),
  read_only: z.boolean().optional(),
  cap_drop: z.array(z.string()).optional(),
  group_add: z.array(z.string()).optional(),
  security_opt: z.array(z.string()).optional(),
});

const file = z.looseObject({
  services: z.record(z.string(), service),
  volumes: z.record(z.string(), z.null()).default({}),
  secrets: z.record(z.string(), z.strictObject({ file: z.string() })).default({}),
});

export type ComposeService = z.output<typeof service>;
export type ComposeFile = z.output<typeof file>;

/**
 * A compose file with its variables filled in from `env`, as a `.env` file gives them. Throws an error that names what
 * Compose would refuse, and what this reader does not know.
 */
export function readCompose(text: string, env: Readonly<Record<string, string>>): ComposeFile {
  const filled = filledIn(parse(text, { merge: true }), env);
  const read = file.parse(filled);
  for (const [name, { depends_on, volumes, secrets }] of Object.entries(read.services)) {
    for (const [other, { condition }] of Object.entries(depends_on)) {
      const needed = read.services[other];
      if (needed === undefined) throw new Error(`${name} depends on ${other}, which is no service`);
      if (condition === 'service_healthy' && needed.healthcheck === undefined)
        throw new Error(`${name} waits for the health of ${other}, which has no healthcheck`);
    }
    for (const { source, isNamed } of volumes.map(mountOf)) {
      if (isNamed && !(source in read.volumes))
        throw new Error(`${name} mounts ${source}, which is no volume of the file`);
    }
    for (const secret of secrets)
      if (!(secret in read.secrets)) throw new Error(`${name} has ${secret}, which is no secret of the file`);
  }
  return read;
}

/** `source:target[:ro]` */
export function mountOf(volume: string): { source: string; target: string; isNamed: boolean } {
  const [source = '', target = '', mode = 'rw', ...rest] = volume.split(':');
  if (!target.startsWith('/') || !['ro', 'rw'].includes(mode) || rest.length > 0)
    throw new Error(`the volume ${volume} is not source:/target or source:/target:ro`);
  return { source, target, isNamed: /^[\w-]+$/.test(source) };
}

/** Milliseconds of Compose's `1m30s`. */
export function durationMs(text: string): number {
  const units: Record<string, number> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h)/g)];
  if (parts.length === 0 || parts.map(([part]) => part).join('') !== text)
    throw new Error(`${text} is no duration`);
  return parts.reduce((sum, [, n, unit = '']) => sum + Number(n) * (units[unit] ?? 0), 0);
}

function filledIn(value: unknown, env: Readonly<Record<string, string>>): unknown {
  if (typeof value === 'string') return interpolate(value, env);
  if (Array.isArray(value)) return value.map((item) => filledIn(item, env));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, filledIn(item, env)]));
}

const VARIABLE = /\$(?:(\$)|\{(\w+)(?:(:?[-?+])([^{}]*))?\}|(\w+)|)/g;

/** `$$`, `$A`, `${A}`, and with or without a colon `${A:-other}`, `${A:+other}`, `${A:?why}`. Throws for what must be set. */
export function interpolate(text: string, env: Readonly<Record<string, string>>): string {
  return text.replace(VARIABLE, (found: string, ...groups: (string | undefined)[]) => {
    const [dollar, name, how = '', other = '', bare] = groups;
    if (dollar !== undefined) return '$';
    const variable = name ?? bare;
    if (variable === undefined) throw new Error(`${text}: a $ that is none of a variable is written $$`);
    const value = env[variable];
    const isMissing = how.startsWith(':') ? !value : value === undefined;
    if (isMissing && how.endsWith('?')) throw new Error(`${variable}: ${other}`);
    if (how.endsWith('-') && isMissing) return other;
    if (how.endsWith('+')) return isMissing ? '' : other;
    if (value === undefined) throw new Error(`${found} is not set and has no default`);
    return value;
  });
}
