import { connect } from 'node:net';
import { connect as connectTls } from 'node:tls';

/** A place that listens. */
export interface Endpoint {
  host: string;
  port: number;
}

/** `host:port` of a Temporal server taken apart; an IPv6 address loses its brackets. */
export function endpointOf(address: string): Endpoint {
  const colon = address.lastIndexOf(':');
  return { host: withoutBrackets(address.slice(0, colon)), port: Number(address.slice(colon + 1)) };
}

/** Where a URL's server listens. */
export function endpointOfUrl(url: string): Endpoint {
  const { protocol, hostname, port } = new URL(url);
  const usual = protocol === 'https:' ? 443 : 80;
  return { host: withoutBrackets(hostname), port: port === '' ? usual : Number(port) };
}

const withoutBrackets = (host: string): string => host.replace(/^\[|\]$/g, '');

/** The system's code of what keeps a connection from being made; `null` when something listens. `TIMEOUT` is ours. */
export function tcpProblem(at: Endpoint, withinMs: number): Promise<string | null> {
  return new Promise((resolve) => {
    const socket = connect(at);
    const end = (code: string | null): void => {
      socket.destroy();
      resolve(code);
    };
    socket.setTimeout(withinMs, () => end('TIMEOUT'));
    socket.once('connect', () => end(null));
    socket.once('error', (error) => end(codeOf(error)));
  });
}

/** Whether what listens there begins TLS. Trusts any certificate, since nothing is sent. */
export function speaksTls(at: Endpoint, withinMs: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connectTls({ ...at, rejectUnauthorized: false });
    const end = (does: boolean): void => {
      socket.destroy();
      resolve(does);
    };
    socket.setTimeout(withinMs, () => end(false));
    socket.once('secureConnect', () => end(true));
    // It asks for a certificate of ours: TLS all the same.
    socket.once('error', (error: Error) => end(/\balert\b/i.test(error.message)));
    socket.once('close', () => end(false));
  });
}

const WORDS: Record<string, string> = {
  ECONNREFUSED: 'nothing listens there',
  ENOTFOUND: 'this name has no address (DNS)',
  EAI_AGAIN: 'the name could not be looked up (DNS)',
  EHOSTUNREACH: 'there is no way to that host',
  ENETUNREACH: 'there is no way to that network',
  ETIMEDOUT: 'no answer; a firewall may keep the connection out',
  TIMEOUT: 'no answer; a firewall may keep the connection out',
  ECONNRESET: 'the connection was reset',
};

/** A failed connection in words, to stand after the address. */
export const connectionInWords = (code: string): string =>
  `${WORDS[code] ?? 'the connection failed'} (${code})`;

/**
 * The first code in an error and its causes; of several addresses that were tried, the first one's. Where there is
 * none, the words of the innermost.
 */
export function codeOf(error: unknown): string {
  let words = 'unknown';
  for (let at = error; at instanceof Error; at = at.cause) {
    const one: unknown = at instanceof AggregateError ? at.errors[0] : at;
    if (one instanceof Error && 'code' in one && typeof one.code === 'string') return one.code;
    words = at.message;
  }
  return words;
}
