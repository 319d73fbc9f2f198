import type { IncomingMessage, ServerResponse } from 'node:http';
import { z } from 'zod';
import { faultRules } from './faults.ts';
import { bodyOf, sendJson } from './http.ts';
import type { Simulator } from './server.ts';

const bodies = {
  '/_simulator/faults': z.union([
    faultRules,
    z.strictObject({ faults: faultRules }).transform((it) => it.faults),
  ]),
  '/_simulator/keys': z.strictObject({ keys: z.array(z.string()).nullable() }),
  '/_simulator/limits': z.strictObject({
    requestsPerMinute: z.number().positive(),
    tokensPerMinute: z.number().positive(),
  }),
  '/_simulator/headers': z.strictObject({ rateHeaders: z.boolean() }),
  '/_simulator/take': z.strictObject({
    requests: z.number().nonnegative(),
    tokens: z.number().nonnegative(),
  }),
};

/**
 * The routes by which a test in another process counts and steers: `GET ledger` and `GET probes` (arrays), and
 * `POST faults` (rules), `POST keys` (`{ keys }`), `POST limits`, `POST headers` (`{ rateHeaders }`) and `POST take`
 * (`{ requests, tokens }`), each below `/_simulator/`.
 */
export async function control(
  request: IncomingMessage,
  response: ServerResponse,
  path: string,
  simulator: Pick<
    Simulator,
    'ledger' | 'probes' | 'setFaults' | 'setKeys' | 'setLimits' | 'setRateHeaders' | 'take'
  >,
): Promise<void> {
  const route = `${request.method} ${path}`;
  if (route === 'GET /_simulator/ledger') return sendJson(response, 200, simulator.ledger);
  if (route === 'GET /_simulator/probes') return sendJson(response, 200, simulator.probes);
  try {
    const body = request.method === 'POST' ? await bodyOf(request) : null;
    switch (route) {
      case 'POST /_simulator/faults':
        simulator.setFaults(bodies['/_simulator/faults'].parse(body));
        break;
      case 'POST /_simulator/keys':
        simulator.setKeys(bodies['/_simulator/keys'].parse(body).keys);
        break;
      case 'POST /_simulator/limits':
        simulator.setLimits(bodies['/_simulator/limits'].parse(body));
        break;
      case 'POST /_simulator/headers':
        simulator.setRateHeaders(bodies['/_simulator/headers'].parse(body).rateHeaders);
        break;
      case 'POST /_simulator/take':
        simulator.take(bodies['/_simulator/take'].parse(body));
        break;
      default:
        return sendJson(response, 404, { message: `No such control: ${route}` });
    }
    sendJson(response, 200, { ok: true });
  } catch (error) {
    sendJson(response, 400, { message: error instanceof Error ? error.message : String(error) });
  }
}
