import { type Config, SettingError } from '../config.ts';
import { authority, type ClientCertPair, clientPair } from './certificates.ts';

/** What a client's and a worker's connection are made with: both of the SDK's take it. */
export interface ConnectionSettings {
  address: string;
  /** `false`: without TLS, and the SDK is not to guess. */
  tls:
    | false
    | { serverNameOverride?: string; serverRootCACertificate?: Buffer; clientCertPair?: ClientCertPair };
  apiKey?: string;
  metadata: Record<string, string>;
}

/**
 * The one place that says how a server is connected to. Files of certificates are read anew at each call, so that a
 * connection made after their renewal has the new ones. Throws a `SettingError` for an access that cannot work; asks
 * nobody.
 *
 * @param now - Milliseconds since the epoch, for the time of the certificate.
 */
export function connectionSettings(
  { access }: Pick<Config, 'access'>,
  address: string,
  now = Date.now(),
): ConnectionSettings {
  const { apiKey, serverName, headers } = access;
  if (!usesTls({ access }))
    return { address, tls: false, ...(apiKey === null ? {} : { apiKey }), metadata: { ...headers } };
  if (access.unverified) {
    throw new SettingError(
      'TEMPORAL_TLS_DISABLE_HOST_VERIFICATION is "true", and this program verifies every server that it connects to by ' +
        "TLS. Leave it out, and name who signed the server's certificate and the name in it, for example " +
        'TEMPORAL_TLS_SERVER_CA_CERT_PATH=ca.pem TEMPORAL_TLS_SERVER_NAME=temporal.example.org.',
    );
  }
  const pair = clientPair(access.clientCert, access.clientKey, now);
  const ca = authority(access.serverCa);
  return {
    address,
    tls: {
      ...(serverName === null ? {} : { serverNameOverride: serverName }),
      ...(ca === null ? {} : { serverRootCACertificate: ca }),
      ...(pair === null ? {} : { clientCertPair: pair }),
    },
    ...(apiKey === null ? {} : { apiKey }),
    metadata: { ...headers },
  };
}

/** Whether a server is connected to by TLS: as said, or else when anything of access needs it. */
export function usesTls({ access }: Pick<Config, 'access'>): boolean {
  const { tls, apiKey, clientCert, clientKey, serverCa, serverName } = access;
  return tls ?? [apiKey, clientCert, clientKey, serverCa, serverName].some((setting) => setting !== null);
}
