import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';

/** Who has given the page's token, in memory alone: a restart signs everybody out. */
export interface Sessions {
  /**
   * Exchanges the token for the `Set-Cookie` of a new session. `wrong`: it is another token. `too many`: this client has
   * tried so many wrong ones that no more is looked at, for `retryAfterSeconds`.
   */
  signIn(
    token: string,
    client: string,
  ): { cookie: string } | { refused: 'wrong' } | { refused: 'too many'; retryAfterSeconds: number };
  /** Whether a request carries the cookie of a session that has not expired. */
  knows(headers: IncomingHttpHeaders): boolean;
}

export interface SessionOptions {
  token: string;
  /** The cookie goes over https alone. */
  secure: boolean;
  /** Browsers send a host's cookies to all its ports: each page has its own. */
  port: number;
  now(): number;
}

/** A working day. */
const SESSION_MS = 12 * 3_600_000;
/** The oldest goes when one more comes. */
const MOST_SESSIONS = 200;
/** Wrong tokens that one client may try in a minute. */
const MOST_WRONG = 10;
const WINDOW_MS = 60_000;
/** Clients whose wrong tries are remembered. */
const MOST_CLIENTS = 1_000;

const hash = (text: string): Buffer => createHash('sha256').update(text).digest();

/** The cookie's value is random and says nothing of the token; what is kept of it is its hash. */
export function createSessions({ token, secure, port, now }: SessionOptions): Sessions {
  // Browsers let nothing but this very host set a cookie of the prefix, and only over https.
  const name = `${secure ? '__Host-' : ''}image-analysis-${String(port)}`;
  const expected = hash(token);
  const sessions = new Map<string, number>();
  const wrong = new Map<string, { since: number; tries: number }>();

  return {
    signIn(given, client) {
      const tried = wrong.get(client);
      const left = tried === undefined ? 0 : tried.since + WINDOW_MS - now();
      if (left <= 0) wrong.delete(client);
      else if (tried !== undefined && tried.tries >= MOST_WRONG) {
        return { refused: 'too many', retryAfterSeconds: Math.ceil(left / 1000) };
      }
      if (!timingSafeEqual(hash(given), expected)) {
        const { since, tries } = wrong.get(client) ?? { since: now(), tries: 0 };
        wrong.set(client, { since, tries: tries + 1 });
        dropFirst(wrong, MOST_CLIENTS);
        return { refused: 'wrong' };
      }
      const id = randomBytes(32).toString('base64url');
      sessions.set(hash(id).toString('hex'), now() + SESSION_MS);
      dropFirst(sessions, MOST_SESSIONS);
      const attributes = ['Path=/', `Max-Age=${String(SESSION_MS / 1000)}`, 'HttpOnly', 'SameSite=Strict'];
      return { cookie: [`${name}=${id}`, ...attributes, ...(secure ? ['Secure'] : [])].join('; ') };
    },
    knows({ cookie = '' }) {
      for (const pair of cookie.split(';')) {
        const [key, id = ''] = pair.trim().split('=');
        if (key !== name) continue;
        const kept = hash(id).toString('hex');
        const until = sessions.get(kept);
        if (until === undefined) continue;
        if (until > now()) return true;
        sessions.delete(kept);
      }
      return false;
    },
  };
}

/** Drops what was put in first beyond `most`. */
function dropFirst(map: Map<string, unknown>, most: number): void {
  for (const key of map.keys()) {
    if (map.size <= most) return;
    map.delete(key);
  }
}
