import { generate } from 'selfsigned';

/** A certificate and its key, in PEM. */
export interface Signed {
  cert: string;
  key: string;
}

const DAY_MS = 24 * 3_600_000;

/** A self-signed certificate that signs others. */
export async function authority(name = 'A company'): Promise<Signed> {
  const made = await generate([{ name: 'commonName', value: name }], {
    ...{ keyType: 'ec', algorithm: 'sha256' },
    extensions: [
      { name: 'basicConstraints', cA: true, critical: true },
      { name: 'keyUsage', keyCertSign: true, cRLSign: true, critical: true },
    ],
  });
  return { cert: made.cert, key: made.private };
}

/**
 * A certificate for servers and clients alike. `days`: how long it is good from now on; below 0 it has ended.
 * `passphrase`: what the key is locked by.
 */
export async function certificate(
  ca: Signed,
  {
    names = ['localhost'],
    days = 1,
    passphrase,
  }: { names?: string[]; days?: number; passphrase?: string } = {},
): Promise<Signed> {
  const made = await generate([{ name: 'commonName', value: names[0] ?? '' }], {
    ...{ keyType: 'ec', algorithm: 'sha256', ca },
    ...(passphrase === undefined ? {} : { passphrase }),
    notBeforeDate: new Date(Date.now() - 30 * DAY_MS),
    notAfterDate: new Date(Date.now() + days * DAY_MS),
    extensions: [
      { name: 'basicConstraints', cA: false },
      { name: 'keyUsage', digitalSignature: true },
      { name: 'extKeyUsage', serverAuth: true, clientAuth: true },
      { name: 'subjectAltName', altNames: names.map((value) => ({ type: 2 as const, value })) },
    ],
  });
  return { cert: made.cert, key: made.private };
}
