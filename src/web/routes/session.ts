import { Hono } from 'hono';
import { bodyOf } from '../params.ts';
import { PageProblem } from '../problem.ts';
import type { Sessions } from '../sessions.ts';
import type { PageEnv } from '../streams.ts';

/** `POST /api/session`: exchanges the token for a cookie. Where no token is asked for there is nothing to do. */
export function sessionRoutes(sessions: Sessions | null): Hono<PageEnv> {
  return new Hono<PageEnv>().post('/session', async (c) => {
    const body = await bodyOf(c);
    if (sessions === null) return c.body(null, 204);
    const token = 'token' in body && typeof body.token === 'string' ? body.token : '';
    const outcome = sessions.signIn(token, c.env.incoming.socket.remoteAddress ?? '');
    if ('cookie' in outcome) return c.body(null, 204, { 'Set-Cookie': outcome.cookie });
    if (outcome.refused === 'wrong') {
      throw new PageProblem(
        401,
        'This is not the token of this page. It is in the file that PAGE_TOKEN_FILE names.',
      );
    }
    c.header('Retry-After', String(outcome.retryAfterSeconds));
    return c.json({ problem: 'Too many wrong tokens: try again in a minute.' }, 429);
  });
}
