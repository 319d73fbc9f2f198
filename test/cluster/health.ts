import { connect } from 'node:net';
import { execute, type Program } from './container.ts';
import { type Site, translateArgument } from './translate.ts';

/** PostgreSQL's protocol 3.0, as its documentation writes it in a start-up message. */
const PROTOCOL = 196_608;
const ANSWER_MS = 3_000;

/**
 * What `pg_isready` asks: whether the server would let this user begin. A server that is starting, or shutting down,
 * says so with an error.
 */
async function postgresIsReady(host: string, port: number, user: string): Promise<boolean> {
  const words = Buffer.from(`user\0${user}\0database\0${user}\0\0`);
  const message = Buffer.alloc(8 + words.length);
  message.writeInt32BE(message.length, 0);
  message.writeInt32BE(PROTOCOL, 4);
  words.copy(message, 8);
  const said = await firstByte(host, port, message);
  // Of an authentication request.
  return said === 'R';
}

/** What `nc -z` asks: whether somebody listens. */
const listens = async (host: string, port: number): Promise<boolean> =>
  (await firstByte(host, port, null)) !== null;

/** The first character of what the other side says, `''` when nothing was asked, `null` when nobody is there. */
async function firstByte(host: string, port: number, message: Buffer | null): Promise<string | null> {
  return new Promise((done) => {
    const socket = connect({ host, port });
    const end = (said: string | null): void => {
      socket.destroy();
      done(said);
    };
    socket.setTimeout(ANSWER_MS, () => {
      end(null);
    });
    socket.once('error', () => {
      end(null);
    });
    socket.once('close', () => {
      end(null);
    });
    socket.once('connect', () => {
      if (message === null) end('');
      else socket.write(message);
    });
    socket.once('data', (data) => {
      end(data.toString('latin1', 0, 1));
    });
  });
}

/**
 * Whether a health check passes: its own command where the program is here, the same question where it is not. Throws
 * for a program of which it does not know what it asks.
 */
export async function passes(
  test: readonly string[],
  { program, site }: { program: Program; site: Site },
  timeoutMs: number,
): Promise<boolean> {
  const [kind, file = '', ...args] = test.map((word) => translateArgument(word, site));
  if (kind !== 'CMD')
    throw new Error(`the healthcheck of ${site.service} is ${kind}, and only CMD is known here`);
  switch (file) {
    case 'pg_isready': {
      const user = args[args.indexOf('--username') + 1] ?? '';
      return postgresIsReady(site.address, 5432, user);
    }
    case 'nc': {
      const [, host = '', port] = args;
      return listens(host, Number(port));
    }
    case 'node':
      return (await execute({ ...program, argv: [file, ...args] }, timeoutMs)).code === 0;
    default:
      throw new Error(`the healthcheck of ${site.service} runs ${file}, which is not known here`);
  }
}
