import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { type Pem, SettingError } from '../config.ts';

/** More than any chain of certificates; a file of another kind is not read into memory. */
const MOST_BYTES = 1_000_000;

const [CERT, KEY, CA] = ['CLIENT_CERT', 'CLIENT_KEY', 'SERVER_CA_CERT'] as const;
type Name = typeof CERT | typeof KEY | typeof CA;

/** This program's own certificate and its key, as the SDK takes them. */
export interface ClientCertPair {
  crt: Buffer;
  key: Buffer;
}

/**
 * Reads and checks the certificate and the key of mutual TLS. Throws a `SettingError` for what is missing, unreadable,
 * no PEM, out of its time, or does not belong together. Whether the server knows who signed it, only the server tells.
 *
 * @param now - Milliseconds since the epoch.
 */
export function clientPair(
  clientCert: Pem | null,
  clientKey: Pem | null,
  now: number,
): ClientCertPair | null {
  if (clientCert === null && clientKey === null) return null;
  if (clientCert === null || clientKey === null) {
    const [there, missing, file] =
      clientKey === null ? ['certificate', KEY, 'client.key'] : ['private key', CERT, 'client.pem'];
    throw new SettingError(
      `There is a ${there} for mutual TLS and not its other half: set TEMPORAL_TLS_${missing}_PATH too, ` +
        `for example TEMPORAL_TLS_${missing}_PATH=${file}.`,
    );
  }
  const crt = read(CERT, clientCert);
  const key = read(KEY, clientKey);
  const certificate = certificateIn(CERT, clientCert, crt);
  inItsTime(certificate, clientCert, now);
  if (!certificate.checkPrivateKey(privateKeyIn(clientKey, key))) {
    throw wrong(
      KEY,
      clientKey,
      `it is not the key of the certificate of ${named(CERT, clientCert)} (${subjectOf(certificate)})`,
      'Name the two that were made together',
    );
  }
  return { crt, key };
}

/** Reads the certificates of the authorities that a server's may be signed by. Throws a `SettingError`. */
export function authority(serverCa: Pem | null): Buffer | null {
  if (serverCa === null) return null;
  const pem = read(CA, serverCa);
  certificateIn(CA, serverCa, pem);
  return pem;
}

function read(name: Name, pem: Pem): Buffer {
  if ('text' in pem) return Buffer.from(pem.text);
  try {
    const bytes = readFileSync(pem.path);
    if (bytes.length <= MOST_BYTES) return bytes;
  } catch (error) {
    const code = String((error as NodeJS.ErrnoException).code);
    const [why, remedy] = READING[code] ?? [`it cannot be read (${code})`, 'Name a file that can be'];
    throw wrong(name, pem, why, remedy);
  }
  throw wrong(name, pem, 'it is too large for a certificate or key', 'Name the file that holds it alone');
}

const READING: Record<string, readonly [string, string]> = {
  ENOENT: ['there is no such file', 'Correct the path, or mount the file there'],
  EACCES: ['this user may not read it', 'Let the user that this program runs as read it'],
  EISDIR: ['it is a folder', 'Name the file in it'],
};

function certificateIn(name: typeof CERT | typeof CA, pem: Pem, bytes: Buffer): X509Certificate {
  try {
    return new X509Certificate(bytes);
  } catch {
    throw wrong(
      name,
      pem,
      'it holds no certificate in PEM',
      'Name a file that begins with -----BEGIN CERTIFICATE-----',
    );
  }
}

/** As PKCS #8 and older files say it. */
const LOCKED = /^(?:-----BEGIN ENCRYPTED PRIVATE KEY-----|Proc-Type: 4,ENCRYPTED)/m;

function privateKeyIn(pem: Pem, bytes: Buffer): KeyObject {
  try {
    return createPrivateKey(bytes);
  } catch {
    throw LOCKED.test(bytes.toString('latin1'))
      ? wrong(
          KEY,
          pem,
          'the key is locked by a passphrase, which this program cannot ask for',
          'Unlock it: `openssl pkey -in locked.key -out client.key`',
        )
      : wrong(
          KEY,
          pem,
          'it holds no private key in PEM',
          'Name a file that begins with -----BEGIN PRIVATE KEY-----',
        );
  }
}

function inItsTime(certificate: X509Certificate, pem: Pem, now: number): void {
  const [from, to] = [Date.parse(certificate.validFrom), Date.parse(certificate.validTo)];
  if (now > to) {
    throw wrong(CERT, pem, `the certificate expired on ${day(to)}`, 'Have a new one issued and name that');
  }
  if (now < from) {
    throw wrong(
      CERT,
      pem,
      `the certificate is good from ${day(from)} on only`,
      "Wait for that, or set this machine's clock right",
    );
  }
}

/** The setting and its value; of a certificate or key that stands in the setting itself the name alone. */
const named = (name: Name, pem: Pem): string =>
  'path' in pem
    ? `TEMPORAL_TLS_${name}_PATH=${pem.path}`
    : `TEMPORAL_TLS_${name}_DATA (its value is not shown)`;

const wrong = (name: Name, pem: Pem, why: string, remedy: string): SettingError =>
  new SettingError(`${named(name, pem)}: ${why}. ${remedy}, for example ${EXAMPLES[name]}.`);

const EXAMPLES: Record<Name, string> = {
  CLIENT_CERT: 'TEMPORAL_TLS_CLIENT_CERT_PATH=/etc/image-analysis/client.pem',
  CLIENT_KEY: 'TEMPORAL_TLS_CLIENT_KEY_PATH=/etc/image-analysis/client.key',
  SERVER_CA_CERT: 'TEMPORAL_TLS_SERVER_CA_CERT_PATH=/etc/image-analysis/ca.pem',
};

const subjectOf = ({ subject }: X509Certificate): string =>
  subject.replaceAll('\n', ', ') || 'without a name';

const day = (ms: number): string => new Date(ms).toISOString().slice(0, 10);
