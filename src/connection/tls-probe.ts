import { connect } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { ConnectionSettings } from './options.ts';
import { codeOf, type Endpoint } from './network.ts';

/** What became of a TLS connection to a server. */
export type TlsOutcome =
  /** It went through, and the server spoke HTTP/2, or said nothing for a while. */
  | { kind: 'accepted' }
  /** The server speaks HTTP/2 without TLS. */
  | { kind: 'plain' }
  /** TLS, but another protocol within. */
  | { kind: 'another-protocol' }
  /** Nobody that is trusted has signed the server's certificate. */
  | { kind: 'untrusted'; code: string }
  /** Its certificate is of another name; `names`: those that it has. */
  | { kind: 'another-name'; names: string[] }
  /** Its certificate is out of its time. */
  | { kind: 'out-of-time'; code: string }
  /** It does not take this program's certificate, or wants one and got none. */
  | { kind: 'refused'; code: string }
  | { kind: 'broken'; code: string };

/** HTTP/2's client preface and an empty SETTINGS frame (RFC 9113): every server of it answers with its own. */
const PREFACE = Buffer.concat([
  Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
  Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]),
]);

/** Type of a SETTINGS frame, and where in a frame its type stands. */
const SETTINGS = 4;
const TYPE_AT = 3;

/**
 * Connects by TLS as the SDK would, and tells why that fails, which the SDK's own errors do not. Sends no key and no
 * call. With TLS 1.3 a server refuses a certificate only once the client believes that all is well: it is waited for
 * its first words.
 */
export async function probeTls(
  at: Endpoint,
  tls: Exclude<ConnectionSettings['tls'], false>,
  withinMs: number,
): Promise<TlsOutcome> {
  const outcome = await shakeHands(at, tls, withinMs);
  return outcome.kind === 'broken' && (await speaksPlainHttp2(at, withinMs)) ? { kind: 'plain' } : outcome;
}

function shakeHands(
  { host, port }: Endpoint,
  { serverNameOverride, serverRootCACertificate, clientCertPair }: Exclude<ConnectionSettings['tls'], false>,
  withinMs: number,
): Promise<TlsOutcome> {
  return new Promise((resolve) => {
    const socket = connectTls({
      host,
      port,
      ALPNProtocols: ['h2'],
      ...(serverNameOverride === undefined ? {} : { servername: serverNameOverride }),
      ...(serverRootCACertificate === undefined ? {} : { ca: serverRootCACertificate }),
      ...(clientCertPair === undefined ? {} : { cert: clientCertPair.crt, key: clientCertPair.key }),
    });
    let shaken = false;
    const end = (outcome: TlsOutcome): void => {
      socket.destroy();
      resolve(outcome);
    };
    socket.setTimeout(withinMs, () =>
      end(shaken ? { kind: 'accepted' } : { kind: 'broken', code: 'TIMEOUT' }),
    );
    socket.once('secureConnect', () => {
      shaken = true;
      if (socket.alpnProtocol === 'h2') socket.write(PREFACE);
      else end({ kind: 'another-protocol' });
    });
    socket.once('data', () => end({ kind: 'accepted' }));
    socket.once('error', (error: Error) => end(outcomeOf(error, shaken)));
    socket.once('close', () =>
      end(shaken ? { kind: 'refused', code: 'closed' } : { kind: 'broken', code: 'closed' }),
    );
  });
}

/** OpenSSL's and Node's codes, which differ from version to version in what stands before the word that counts. */
function outcomeOf(error: Error, shaken: boolean): TlsOutcome {
  const code = codeOf(error);
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') return { kind: 'another-name', names: namesIn(error) };
  if (/UNRECOGNIZED_NAME/.test(code)) return { kind: 'another-name', names: [] };
  if (/^CERT_(HAS_EXPIRED|NOT_YET_VALID)$/.test(code)) return { kind: 'out-of-time', code };
  if (/SELF_SIGNED|UNABLE_TO_|CERT_UNTRUSTED|SIGNATURE_FAILURE|INVALID_CA|CERT_REJECTED/.test(code)) {
    return { kind: 'untrusted', code };
  }
  if (/NO_APPLICATION_PROTOCOL/.test(code)) return { kind: 'another-protocol' };
  if (/ALERT_(\w*CERTIFICATE|UNKNOWN_CA|HANDSHAKE_FAILURE|ACCESS_DENIED)/.test(code))
    return { kind: 'refused', code };
  return shaken ? { kind: 'refused', code } : { kind: 'broken', code };
}

/** Of Node's error on a name that the certificate does not have. */
const namesIn = (error: Error): string[] => {
  const { cert } = error as { cert?: { subjectaltname?: string } };
  return (cert?.subjectaltname ?? '')
    .split(', ')
    .flatMap((name) => /^(?:DNS|IP Address):(.+)$/.exec(name)?.[1] ?? []);
};

function speaksPlainHttp2(at: Endpoint, withinMs: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(at);
    const end = (does: boolean): void => {
      socket.destroy();
      resolve(does);
    };
    socket.setTimeout(withinMs, () => end(false));
    socket.once('connect', () => socket.write(PREFACE));
    socket.once('data', (bytes: Buffer) => end(bytes[TYPE_AT] === SETTINGS));
    socket.once('error', () => end(false));
    socket.once('close', () => end(false));
  });
}
