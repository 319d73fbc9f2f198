import { accessSecrets, type Config } from '../config.ts';
import { plain, redact } from '../shared/redact.ts';
import { isDenied, messageOfGrpc } from './grpc.ts';
import { connectionInWords, endpointOf, speaksTls, tcpProblem } from './network.ts';
import { type ConnectionSettings, connectionSettings } from './options.ts';
import { probeTls, type TlsOutcome } from './tls-probe.ts';

/** Times of one look; together with a try to connect they stay below the ten seconds of a check. */
const TCP_MS = 2_000;
const TLS_MS = 1_500;

/** What keeps a program from its server, and the mend. Both are sentences for a person, without any secret. */
export interface Problem {
  found: string;
  remedy: string;
}

/** A server that cannot be worked with. */
export class ConnectionError extends Error {
  override readonly name = 'ConnectionError';
  readonly problem: Problem;

  constructor(problem: Problem, options?: ErrorOptions) {
    super(`${problem.found} ${problem.remedy}`, options);
    this.problem = problem;
  }
}

type Reached = Pick<Config, 'access' | 'namespace'>;

/**
 * Finds out why a server could not be connected to. `error` is what the SDK said, which names hardly ever the reason;
 * the way is gone once more, step by step. Throws a `SettingError` as {@link connectionSettings} does.
 */
export async function connectionProblem(config: Reached, address: string, error: unknown): Promise<Problem> {
  if (isDenied(error)) return denied(config, address, error);
  const at = endpointOf(address);
  const code = await tcpProblem(at, TCP_MS);
  if (code !== null) return unreachable(address, code);
  const settings = connectionSettings(config, address);
  if (settings.tls !== false) {
    const outcome = await probeTls(at, settings.tls, TLS_MS);
    return tlsProblem(outcome, address, settings.tls) ?? noServer(address);
  }
  if (await speaksTls(at, TLS_MS)) {
    return {
      found: `The server at ${address} speaks TLS, and this program connects to it without.`,
      remedy:
        'Set TEMPORAL_TLS=true; where a company signs its own certificates, its authority too, for example ' +
        'TEMPORAL_TLS_SERVER_CA_CERT_PATH=ca.pem, and for mutual TLS TEMPORAL_TLS_CLIENT_CERT_PATH and ' +
        'TEMPORAL_TLS_CLIENT_KEY_PATH.',
    };
  }
  return noServer(address);
}

/** Something answers, and not as a Temporal server does. */
const noServer = (address: string): Problem => ({
  found: `What answers at ${address} is no Temporal server.`,
  remedy:
    'Name the address of its frontend, which is not that of its Web UI (8080 or 8233), for example ' +
    'TEMPORAL_ADDRESS=localhost:7233.',
});

const unreachable = (address: string, code: string): Problem => ({
  found: `No Temporal server answers at ${address}: ${connectionInWords(code)}.`,
  remedy:
    'Start it, correct TEMPORAL_ADDRESS or --address (for example localhost:7233), or leave both out to use the ' +
    'embedded server.',
});

/** What to do where the server does not let this program in: with a key, with a certificate, with neither. */
export function denied({ access, namespace }: Reached, address: string, error: unknown): Problem {
  const said = redact(messageOfGrpc(error), accessSecrets(access), 300);
  const where = `the namespace ${JSON.stringify(namespace)} (TEMPORAL_NAMESPACE; at Temporal Cloud name.account)`;
  if (access.apiKey !== null) {
    return {
      found: `The server at ${address} refuses the API key of TEMPORAL_API_KEY (its value is not shown): ${said}.`,
      remedy:
        `Make a new key for somebody who may use ${where}, and set it, for example TEMPORAL_API_KEY=eyJ…, or correct ` +
        'the namespace.',
    };
  }
  if (access.clientCert !== null) {
    return {
      found: `The server at ${address} refuses the certificate of TEMPORAL_TLS_CLIENT_CERT_PATH: ${said}.`,
      remedy: `Have ${where} accept who signed that certificate, name another one, or correct the namespace.`,
    };
  }
  return {
    found: `The server at ${address} refuses this program, which shows no credentials: ${said}.`,
    remedy:
      `Set a key that may use ${where}, for example TEMPORAL_API_KEY=eyJ…, or for mutual TLS ` +
      'TEMPORAL_TLS_CLIENT_CERT_PATH=client.pem TEMPORAL_TLS_CLIENT_KEY_PATH=client.key.',
  };
}

/** `null`: TLS is not the reason. */
function tlsProblem(
  outcome: TlsOutcome,
  address: string,
  tls: Exclude<ConnectionSettings['tls'], false>,
): Problem | null {
  const { host } = endpointOf(address);
  switch (outcome.kind) {
    case 'accepted':
      return null;
    case 'another-protocol':
      return noServer(address);
    case 'plain':
      return {
        found: `The server at ${address} speaks no TLS, and this program connects to it by TLS.`,
        remedy:
          'Set TEMPORAL_TLS=false, or leave TEMPORAL_TLS, TEMPORAL_TLS_* and TEMPORAL_API_KEY out; or name the address ' +
          'that is served by TLS, for example TEMPORAL_ADDRESS=temporal.example.org:7233.',
      };
    case 'untrusted':
      return {
        found:
          `Who signed the certificate of the server at ${address} is not trusted (${outcome.code}): ` +
          (tls.serverRootCACertificate === undefined
            ? 'no public authority did.'
            : 'the authority of TEMPORAL_TLS_SERVER_CA_CERT_PATH did not.'),
        remedy:
          'Name the certificate of the authority that did, for example TEMPORAL_TLS_SERVER_CA_CERT_PATH=ca.pem; for a ' +
          'public one, as at Temporal Cloud, leave it out.',
      };
    case 'another-name': {
      const asked = tls.serverNameOverride ?? host;
      const names = outcome.names.map((name) => plain(name, 100)).slice(0, 5);
      return {
        found:
          `The certificate of the server at ${address} is not for ${JSON.stringify(asked)}` +
          (names.length === 0 ? '.' : `: it is for ${names.join(', ')}.`),
        remedy:
          'Name the server as its certificate does, by TEMPORAL_ADDRESS or, where the address has another name, for ' +
          `example TEMPORAL_TLS_SERVER_NAME=${names[0]?.replace(/^\*\./, 'frontend.') ?? 'temporal.example.org'}.`,
      };
    }
    case 'out-of-time':
      return {
        found:
          outcome.code === 'CERT_HAS_EXPIRED'
            ? `The certificate of the server at ${address} has expired.`
            : `The certificate of the server at ${address} is not good yet.`,
        remedy: "Have the server's certificate renewed, or set this machine's clock right (`timedatectl`).",
      };
    case 'refused':
      return tls.clientCertPair === undefined
        ? {
            found: `The server at ${address} asks for a certificate (mutual TLS), and this program has none.`,
            remedy:
              'Name the certificate and its key, for example TEMPORAL_TLS_CLIENT_CERT_PATH=client.pem ' +
              'TEMPORAL_TLS_CLIENT_KEY_PATH=client.key.',
          }
        : {
            found:
              `The server at ${address} refuses the certificate of TEMPORAL_TLS_CLIENT_CERT_PATH ` +
              `(${outcome.code}): it does not trust who signed it, or the certificate is not for clients.`,
            remedy:
              "Name one that the server's authority has signed, for example TEMPORAL_TLS_CLIENT_CERT_PATH=client.pem, " +
              'or add the authority to those that the server accepts.',
          };
    case 'broken':
      return {
        found: `No TLS connection to ${address} comes about: ${connectionInWords(outcome.code)}.`,
        remedy:
          'Look whether a proxy or firewall stands between, and name the address that is served by TLS, for example ' +
          'TEMPORAL_ADDRESS=temporal.example.org:7233.',
      };
  }
}
