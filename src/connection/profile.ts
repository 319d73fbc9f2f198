import { existsSync } from 'node:fs';
import { type ClientConfigProfile, type ConfigDataSource, loadClientConfig } from '@temporalio/envconfig';
import { SettingError } from '../config.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * The environment with what the profile says that `TEMPORAL_PROFILE` names, where the environment itself says nothing;
 * the profile is in it then, and not named any more. A profile that is not named does not count, not even the one
 * called `default`: a file of the `temporal` CLI in somebody's home must not move a demonstration to a cluster.
 *
 * Throws a `SettingError` that never quotes the file, which may hold keys.
 */
export function withProfile(env: Environment): Record<string, string | undefined> {
  const name = env['TEMPORAL_PROFILE']?.trim() || null;
  if (name === null) return { ...env };
  const said = settingsOf(profileNamed(name, env));
  const isSet = (variable: string): boolean => (env[variable]?.trim() ?? '') !== '';
  // A certificate is one setting, whether its file is named or it stands there itself.
  const counts = (variable: string): boolean =>
    !isSet(variable.replace(/_PATH$/, '_DATA')) && !isSet(variable.replace(/_DATA$/, '_PATH'));
  const own = Object.fromEntries(Object.entries(said).filter(([variable]) => counts(variable)));
  if (own['TEMPORAL_ADDRESS'] === undefined && !isSet('TEMPORAL_ADDRESS')) {
    throw new SettingError(
      `The profile ${JSON.stringify(name)} of TEMPORAL_PROFILE has no address: add it with \`temporal config set ` +
        `--profile ${name} --prop address --value host:7233\`, or set TEMPORAL_ADDRESS=host:7233.`,
    );
  }
  return { ...env, ...own, TEMPORAL_PROFILE: '', TEMPORAL_CONFIG_FILE: '' };
}

function profileNamed(name: string, env: Environment): ClientConfigProfile {
  const file = env['TEMPORAL_CONFIG_FILE']?.trim() || null;
  const where =
    file === null
      ? "the `temporal` CLI's own file (TEMPORAL_CONFIG_FILE names another)"
      : `TEMPORAL_CONFIG_FILE=${file}`;
  if (file !== null && !existsSync(file)) {
    throw new SettingError(
      `${where}: there is no such file. Correct the path, or leave it out and TEMPORAL_PROFILE too.`,
    );
  }
  let profiles: Record<string, ClientConfigProfile>;
  try {
    const places = Object.entries({ ...env, TEMPORAL_CONFIG_FILE: file ?? undefined });
    const known = places.filter((place): place is [string, string] => place[1] !== undefined);
    ({ profiles } = loadClientConfig({ overrideEnvVars: Object.fromEntries(known) }));
  } catch (error) {
    throw new SettingError(
      `The profile ${JSON.stringify(name)} cannot be read from ${where}: ${inWords(error)}. ` +
        'Mend the file (`temporal config list` reads it too), or leave TEMPORAL_PROFILE out.',
    );
  }
  const profile = Object.hasOwn(profiles, name) ? profiles[name] : undefined;
  if (profile !== undefined) return profile;
  const others = Object.keys(profiles);
  throw new SettingError(
    `TEMPORAL_PROFILE is ${JSON.stringify(name)}, and ${where} has ` +
      `${others.length === 0 ? 'no profiles' : `only ${others.map((other) => JSON.stringify(other)).join(', ')}`}. ` +
      'Correct the name, make the profile with `temporal config set`, or leave TEMPORAL_PROFILE out.',
  );
}

/** What a profile says, as the variables that say the same. */
function settingsOf(profile: ClientConfigProfile): Record<string, string> {
  const { address, namespace, apiKey, tls, grpcMeta = {} } = profile;
  const pem = (name: string, source: ConfigDataSource | undefined): Record<string, string | undefined> => {
    if (source === undefined) return {};
    if ('path' in source) return { [`TEMPORAL_TLS_${name}_PATH`]: source.path };
    const { data } = source;
    return {
      [`TEMPORAL_TLS_${name}_DATA`]: typeof data === 'string' ? data : Buffer.from(data).toString('utf8'),
    };
  };
  const all: Record<string, string | undefined> = {
    TEMPORAL_ADDRESS: address,
    TEMPORAL_NAMESPACE: namespace,
    TEMPORAL_API_KEY: apiKey,
    // A profile with a part on TLS means TLS, unless it says otherwise.
    TEMPORAL_TLS: tls === undefined ? undefined : String(tls.disabled !== true),
    TEMPORAL_TLS_SERVER_NAME: tls?.serverName,
    ...pem('CLIENT_CERT', tls?.clientCert),
    ...pem('CLIENT_KEY', tls?.clientKey),
    ...pem('SERVER_CA_CERT', tls?.serverCACert),
  };
  for (const [name, value] of Object.entries(grpcMeta)) {
    all[`TEMPORAL_GRPC_META_${name.replaceAll('-', '_').toUpperCase()}`] = value;
  }
  const said = Object.entries(all).filter((entry): entry is [string, string] => typeof entry[1] === 'string');
  return Object.fromEntries(said);
}

/** What is wrong with the file, without a word from it: a message of the TOML parser quotes the line. */
function inWords(error: unknown): string {
  const { code, line } = error as { code?: unknown; line?: unknown };
  if (code === 'EACCES') return 'this user may not read it';
  if (typeof code === 'string') return `it cannot be read (${code})`;
  if (typeof line === 'number') return `line ${line} is no TOML`;
  return error instanceof Error && /^Cannot specify both \w+ and \w+$/.test(error.message)
    ? `${error.message} in one profile`
    : 'it holds no profiles as the CLI writes them';
}
