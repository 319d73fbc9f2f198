import type { IncomingHttpHeaders } from 'node:http';
import { isIP } from 'node:net';
import { PAGE_HEADER } from './api.ts';

/** A request as it came, before anything else has looked at it. */
export interface Asked {
  method: string;
  /** Request target as the client wrote it: path and query. */
  target: string;
  headers: IncomingHttpHeaders;
}

export interface Refusal {
  status: 400 | 401 | 403 | 405 | 415;
  /** For a person. Repeats nothing of the request. */
  problem: string;
}

export interface GuardOptions {
  /** Address that is listened at, as the person gave it. */
  host: string;
  /** Address at which people reach the page, by a proxy say. */
  pageUrl: string | null;
  /** Whether a request carries the cookie of somebody who has given the token; `null`: no token is asked for. */
  signedIn: ((headers: IncomingHttpHeaders) => boolean) | null;
}

/** On every answer, whatever it is. Routes relax `Cache-Control` alone. */
export const SECURITY_HEADERS: Readonly<Record<string, string>> = {
  'Content-Security-Policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
    "font-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
  'X-Content-Type-Options': 'nosniff',
  'X-Frame-Options': 'DENY',
  'Referrer-Policy': 'no-referrer',
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Permissions-Policy': 'camera=(), microphone=(), geolocation=(), payment=(), usb=()',
  'Cache-Control': 'no-store',
};

const LOOPBACK_NAMES = ['localhost', '127.0.0.1', '[::1]'];

/** Where the token is given. */
const SIGN_IN = '/api/session';

/** Whatever tells of a run. The rest is the application, the same for everybody, which asks for the token. */
const DATA = /^\/(?:api|pictures)(?:\/|$)/;

/** Parameters in which people and programs put secrets into addresses, where logs and histories keep them. */
const SECRET_IN_ADDRESS = /[?&](?:page_?token|access_?token|token)(?:=|&|$)/i;

/** Whether only this machine reaches an address that is listened at. */
export const isLoopback = (host: string): boolean =>
  host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'));

/**
 * Judges every request by its headers alone, before its body is read and before any route: the name by which the page
 * was reached (DNS rebinding), the site that asks (cross-site requests), the page's own header and JSON on what changes
 * something, the cookie where a token is asked for. Pure but for `signedIn`.
 */
export function createGuard({ host, pageUrl, signedIn }: GuardOptions): (asked: Asked) => Refusal | null {
  const own = pageUrl === null ? null : new URL(pageUrl);
  // An address that was listened at by name of its number cannot be made to point elsewhere.
  const bound = isIP(host) > 0 && !/^[0:.]+$/.test(host) ? [isIP(host) === 6 ? `[${host}]` : host] : [];
  const names = [...LOOPBACK_NAMES, ...bound].map((name) => name.toLowerCase());

  const isOurs = (header: string): boolean => {
    if (own !== null && header === own.host) return true;
    const name = /^(\[[\da-f:.]+\]|[a-z\d.-]+)(?::\d{1,5})?$/.exec(header)?.[1];
    return name !== undefined && names.includes(name);
  };

  return ({ method, target, headers }) => {
    if (!target.startsWith('/')) return refused(400, 'The request names no path of this page.');
    if (SECRET_IN_ADDRESS.test(target)) {
      return refused(
        400,
        'A token does not belong in an address: open the page without it, and give it there.',
      );
    }
    const name = (headers.host ?? '').toLowerCase();
    if (!isOurs(name)) {
      return refused(
        403,
        'The page does not go by this name. Open it by the address that its command printed, or set PAGE_URL to ' +
          'the address by which people reach it.',
      );
    }
    const { origin } = headers;
    if (origin !== undefined && origin !== `http://${name}` && origin !== own?.origin) {
      return refused(403, 'Another site sent this request.');
    }
    const [path = ''] = target.split('?');
    const site = headers['sec-fetch-site'];
    if (site !== undefined && site !== 'same-origin' && site !== 'none') {
      const follows = headers['sec-fetch-mode'] === 'navigate' && headers['sec-fetch-dest'] === 'document';
      if (method !== 'GET' || !follows || DATA.test(path)) {
        return refused(403, 'Another site sent this request.');
      }
    }
    if (!['GET', 'HEAD', 'POST'].includes(method)) return refused(405, 'The page takes GET, HEAD and POST.');
    if (method === 'POST') {
      if (headers[PAGE_HEADER] === undefined) {
        return refused(403, `What changes something needs the page's own header, ${PAGE_HEADER}.`);
      }
      if (!/^application\/json\s*(?:;|$)/i.test(headers['content-type'] ?? '')) {
        return refused(415, 'The page takes JSON: content-type application/json.');
      }
    }
    if (signedIn !== null && DATA.test(path) && path !== SIGN_IN && !signedIn(headers)) {
      return refused(401, 'Sign in first: open the page and give its token.');
    }
    return null;
  };
}

const refused = (status: Refusal['status'], problem: string): Refusal => ({ status, problem });
