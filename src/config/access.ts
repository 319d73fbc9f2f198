import { SettingError } from './setting-error.ts';

/** A certificate or key in PEM: the text itself, or the file that holds it (absolute). */
export type Pem = { text: string } | { path: string };

/** How the server at `TEMPORAL_ADDRESS` lets this program in. The embedded one is always reached without any of it. */
export interface TemporalAccess {
  /** `TEMPORAL_API_KEY`; goes with every call as `Authorization: Bearer`. */
  apiKey: string | null;
  /** `TEMPORAL_TLS`; `null`: by TLS when there is a key, a certificate, an authority or a server name. */
  tls: boolean | null;
  /** `TEMPORAL_TLS_CLIENT_CERT_PATH` or `…_DATA`. */
  clientCert: Pem | null;
  /** `TEMPORAL_TLS_CLIENT_KEY_PATH` or `…_DATA`. */
  clientKey: Pem | null;
  /** `TEMPORAL_TLS_SERVER_CA_CERT_PATH` or `…_DATA`: who signed the server's certificate; `null`: a public authority. */
  serverCa: Pem | null;
  /** `TEMPORAL_TLS_SERVER_NAME`: the name that the server's certificate has, where the address has another. */
  serverName: string | null;
  /** `TEMPORAL_TLS_DISABLE_HOST_VERIFICATION`, which the SDK cannot fulfil: no connection is made with it. */
  unverified: boolean;
  /** `TEMPORAL_GRPC_META_*`: headers of every call, by their names in small letters. */
  headers: Readonly<Record<string, string>>;
}

/** Nothing of it: the embedded server's. */
export const NO_ACCESS: TemporalAccess = {
  apiKey: null,
  tls: null,
  clientCert: null,
  clientKey: null,
  serverCa: null,
  serverName: null,
  unverified: false,
  headers: {},
};

/** Rows of the list of settings; the names and their meanings are those of the `temporal` CLI. */
export const ACCESS_SETTINGS = [
  { name: 'TEMPORAL_API_KEY', what: 'API key of Temporal Cloud or a company server.', default: '' },
  {
    name: 'TEMPORAL_TLS',
    what: '`true` or `false`; unset: TLS when a key or a TLS setting is there.',
    default: '',
  },
  {
    name: 'TEMPORAL_TLS_CLIENT_CERT_PATH',
    what: "File of this program's certificate, for mutual TLS.",
    default: '',
  },
  {
    name: 'TEMPORAL_TLS_CLIENT_CERT_DATA',
    what: 'That certificate itself, in PEM.',
    default: '',
  },
  {
    name: 'TEMPORAL_TLS_CLIENT_KEY_PATH',
    what: 'File of the private key of that certificate.',
    default: '',
  },
  { name: 'TEMPORAL_TLS_CLIENT_KEY_DATA', what: 'That key itself, in PEM.', default: '' },
  {
    name: 'TEMPORAL_TLS_SERVER_CA_CERT_PATH',
    what: "File of the authority that signed the server's certificate.",
    default: '',
  },
  {
    name: 'TEMPORAL_TLS_SERVER_CA_CERT_DATA',
    what: 'The certificate of that authority itself, in PEM.',
    default: '',
  },
  {
    name: 'TEMPORAL_TLS_SERVER_NAME',
    what: "Name in the server's certificate, where the address has another.",
    default: '',
  },
  {
    name: 'TEMPORAL_TLS_DISABLE_HOST_VERIFICATION',
    what: 'Refused when `true`: a server is always verified.',
    default: '',
  },
  {
    name: 'TEMPORAL_PROFILE',
    what: 'Profile of the `temporal` CLI; unset: none, not even `default`.',
    default: '',
  },
  {
    name: 'TEMPORAL_CONFIG_FILE',
    what: 'File of those profiles.',
    default: 'that of the CLI',
  },
] as const;

const UNVERIFIED = 'TEMPORAL_TLS_DISABLE_HOST_VERIFICATION';

type PemName = 'CLIENT_CERT' | 'CLIENT_KEY' | 'SERVER_CA_CERT';

/** What the variables begin with whose rest names a header of every call. */
export const HEADER_PREFIX = 'TEMPORAL_GRPC_META_';

/**
 * Reads the settings of access. Looks at no file. Throws a {@link SettingError}, which never holds a value that may be
 * secret.
 *
 * @param text - The value of a variable without the space around it; `null` where it is unset or empty.
 * @param path - A path, made absolute.
 */
export function readAccess(
  names: readonly string[],
  text: (name: string) => string | null,
  path: (given: string) => string,
): TemporalAccess {
  const pem = (name: PemName): Pem | null => {
    const [file, data] = [text(`TEMPORAL_TLS_${name}_PATH`), text(`TEMPORAL_TLS_${name}_DATA`)];
    if (file !== null && data !== null) {
      throw new SettingError(
        `TEMPORAL_TLS_${name}_PATH and TEMPORAL_TLS_${name}_DATA are both set, and only one can count: ` +
          `leave one out, for example TEMPORAL_TLS_${name}_DATA=.`,
      );
    }
    if (data !== null) return { text: data };
    return file === null ? null : { path: path(file) };
  };
  return {
    apiKey: headerValue('TEMPORAL_API_KEY', text('TEMPORAL_API_KEY')),
    tls: flag('TEMPORAL_TLS', text('TEMPORAL_TLS')),
    clientCert: pem('CLIENT_CERT'),
    clientKey: pem('CLIENT_KEY'),
    serverCa: pem('SERVER_CA_CERT'),
    serverName: text('TEMPORAL_TLS_SERVER_NAME'),
    unverified: flag(UNVERIFIED, text(UNVERIFIED)) === true,
    headers: headersOf(names, text),
  };
}

/** The environment that gives this access to another process; it names no profile. */
export function accessEnvironment(
  access: TemporalAccess,
): Record<(typeof ACCESS_SETTINGS)[number]['name'], string> {
  const path = (pem: Pem | null): string => (pem !== null && 'path' in pem ? pem.path : '');
  const data = (pem: Pem | null): string => (pem !== null && 'text' in pem ? pem.text : '');
  return {
    TEMPORAL_API_KEY: access.apiKey ?? '',
    TEMPORAL_TLS: access.tls === null ? '' : String(access.tls),
    TEMPORAL_TLS_CLIENT_CERT_PATH: path(access.clientCert),
    TEMPORAL_TLS_CLIENT_CERT_DATA: data(access.clientCert),
    TEMPORAL_TLS_CLIENT_KEY_PATH: path(access.clientKey),
    TEMPORAL_TLS_CLIENT_KEY_DATA: data(access.clientKey),
    TEMPORAL_TLS_SERVER_CA_CERT_PATH: path(access.serverCa),
    TEMPORAL_TLS_SERVER_CA_CERT_DATA: data(access.serverCa),
    TEMPORAL_TLS_SERVER_NAME: access.serverName ?? '',
    TEMPORAL_TLS_DISABLE_HOST_VERIFICATION: access.unverified ? 'true' : '',
    // What the profile said is in the others.
    TEMPORAL_PROFILE: '',
    TEMPORAL_CONFIG_FILE: '',
    ...Object.fromEntries(
      Object.entries(access.headers).map(([name, value]) => [
        `${HEADER_PREFIX}${name.replaceAll('-', '_').toUpperCase()}`,
        value,
      ]),
    ),
  };
}

/** What of it must not be seen, for texts that others wrote. */
export const accessSecrets = ({ apiKey, headers, clientKey }: TemporalAccess): string[] =>
  [
    apiKey,
    ...Object.values(headers),
    clientKey !== null && 'text' in clientKey ? clientKey.text : null,
  ].filter((secret) => secret !== null);

/** As the `temporal` CLI reads it. */
function flag(name: string, value: string | null): boolean | null {
  if (value === null) return null;
  if (value === 'true' || value === '1') return true;
  if (value === 'false' || value === '0') return false;
  throw new SettingError(
    `${name} is ${JSON.stringify(value.slice(0, 100))}: give true or false, for example ${name}=true.`,
  );
}

function headersOf(names: readonly string[], text: (name: string) => string | null): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const name of names) {
    if (!name.startsWith(HEADER_PREFIX)) continue;
    const value = headerValue(name, text(name));
    const header = name.slice(HEADER_PREFIX.length).toLowerCase().replaceAll('_', '-');
    if (value !== null) headers[header] = value;
  }
  return headers;
}

/** What an HTTP header can hold. A key that was copied with its line break is told of, not sent. */
function headerValue(name: string, value: string | null): string | null {
  if (value === null || /^[\x20-\x7e]+$/.test(value)) return value;
  throw new SettingError(
    `${name} holds a line break or a character that no header has (its value is not shown). ` +
      `Set it to the value alone, for example ${name}=eyJ….`,
  );
}
