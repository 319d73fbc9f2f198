import { setMaxListeners } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Limits } from '../shared/types.ts';
import { createLimitAccount, type AccountState } from './account.ts';
import { startCompetitor, type CompetitorOptions } from './competitor.ts';
import { createCalls, newEntry, type CallReply } from './calls.ts';
import { control } from './control.ts';
import { ApiFailure, rateHeaders, wrongKey, type ApiError } from './errors.ts';
import { createFaultPlan, type FaultRule } from './faults.ts';
import { bodyOf, send, sendJson } from './http.ts';
import type { LedgerEntry, Probe } from './ledger.ts';
import { SERVED_MODELS } from './models.ts';
import type { Api } from './parse.ts';
import { createProbes } from './probes.ts';
import { latencyMs, slowdownFactor, type Latency, type Slowdown } from './random.ts';

export interface SimulatorOptions {
  /** 0, the default: any free port. */
  port?: number;
  /** `127.0.0.1` by default. The control routes ask for no key, so leave it on loopback. */
  host?: string;
  /** The mission's account by default: 500 requests and 30,000 tokens a minute. */
  limits?: Limits;
  /** Enforce the limits in windows of this length too, as `createLimitAccount` describes; not by default. */
  windowMs?: number | undefined;
  /** What admission charges, as a multiple of what the published rules say; 1 by default. */
  chargeFactor?: number | undefined;
  /** Another process at the same account; none by default. */
  competitor?: CompetitorOptions | undefined;
  /**
   * The moment that the rate headers tell of: the call's admission, as a gateway in front of the model does (the
   * default), or the sending of its answer.
   */
  headersAsOf?: 'admission' | 'answer' | undefined;
  /** Whether rate headers are sent at all; by default they are. */
  rateHeaders?: boolean | undefined;
  latency?: Latency;
  slowdown?: Slowdown | undefined;
  /** Decides faults, latencies and wrong answers; 1 by default. */
  seed?: number;
  faults?: readonly FaultRule[];
  /** Accepted keys; `null`, the default: any that is not empty. */
  apiKeys?: readonly string[] | null;
  models?: readonly string[];
  /** How long a picture's URL may take to be fetched; 10,000 ms by default. */
  urlTimeoutMs?: number;
}

export interface Simulator {
  /** Base URL for a client, `http://127.0.0.1:PORT/v1`. */
  url: string;
  port: number;
  /** Every model call, in the order of arrival. Entries are filled in as the calls go on. */
  ledger: readonly LedgerEntry[];
  /** Every request that costs nothing. */
  probes: readonly Probe[];
  /** Rules without `from` begin at the next call. */
  setFaults(rules: readonly FaultRule[]): void;
  setKeys(keys: readonly string[] | null): void;
  setLimits(limits: Limits): void;
  /** Sends rate headers from now on, or none. */
  setRateHeaders(sent: boolean): void;
  /** Spends requests and tokens of the account, as another process would. */
  take(spent: { requests: number; tokens: number }): void;
  /** What the competitor has taken so far. */
  readonly competitorTook: { readonly requests: number; readonly tokens: number };
  /** Ends open calls and connections. */
  close(): Promise<void>;
}

/**
 * Starts an HTTP server that behaves as OpenAI does for questions about one picture, over both of its APIs. It fetches
 * pictures itself, answers from what is drawn in them, and never calls anybody else.
 *
 * It does not stream, run tools or keep conversations.
 */
export async function startSimulator(options: SimulatorOptions = {}): Promise<Simulator> {
  const seed = options.seed ?? 1;
  const latency = options.latency ?? {};
  const models = options.models ?? SERVED_MODELS;
  const account = createLimitAccount(
    options.limits ?? { requestsPerMinute: 500, tokensPerMinute: 30_000 },
    () => performance.now(),
    { windowMs: options.windowMs },
  );
  const competitor = options.competitor && startCompetitor(account, options.competitor, seed);
  const ledger: LedgerEntry[] = [];
  const stopping = new AbortController();
  // Every open call waits on it.
  setMaxListeners(0, stopping.signal);
  let keys = options.apiKeys ?? null;
  let sendsRateHeaders = options.rateHeaders ?? true;
  let inFlight = 0;
  let faults = createFaultPlan(options.faults ?? [], seed, 1);

  const urlTimeoutMs = options.urlTimeoutMs ?? 10_000;
  const answerCall = createCalls({
    account,
    seed,
    models,
    urlTimeoutMs,
    stop: stopping.signal,
    faultOf: (n, picture) => faults.faultOf(n, picture),
    // A ninth of a call's time: a second at the real pace, less where the simulation is faster.
    faultWaitMs: Math.max(50, (latency.medianMs ?? 9000) / 9),
    chargeFactor: options.chargeFactor ?? 1,
  });
  const probes = createProbes({ models, urlTimeoutMs, stop: stopping.signal });

  const settings: Pick<Simulator, 'setFaults' | 'setKeys' | 'setLimits' | 'setRateHeaders' | 'take'> = {
    setFaults(rules) {
      faults = createFaultPlan(rules, seed, ledger.length + 1);
    },
    setKeys(changed) {
      keys = changed;
    },
    setLimits(limits) {
      account.setLimits(limits);
    },
    setRateHeaders(sent) {
      sendsRateHeaders = sent;
    },
    take: account.take,
  };

  const server = createServer((request, response) => {
    handle(request, response).catch((error: unknown) => {
      // A bug of the simulator's own must not look like a provider's error.
      if (response.headersSent) response.destroy();
      else sendJson(response, 599, { error: { message: `The simulator failed: ${String(error)}` } });
    });
  });
  // Longer than any client keeps an idle connection, which would otherwise be closed under its next request.
  server.keepAliveTimeout = 120_000;

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    response.setHeader('x-simulated', 'true');
    const path = new URL(request.url ?? '/', 'http://simulator').pathname;
    if (path.startsWith('/_simulator/')) {
      return control(request, response, path, { ...settings, ledger, probes: probes.seen });
    }
    const api = request.method === 'POST' ? API_PATHS[path] : undefined;
    if (api !== undefined) return handleCall(api, request, response);
    const keyProblem = keyProblemOf(request);
    return probes.handle(request, response, path, keyProblem);
  }

  async function handleCall(api: Api, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const arrived = performance.now();
    const entry = newEntry(ledger.length + 1, api, Date.now());
    ledger.push(entry);
    response.on('finish', () => (entry.delivered = true));
    response.on('close', () => (entry.delivered ??= false));

    inFlight += 1;
    const usual = latencyMs(latency, seed, entry.n);
    const takes = options.slowdown === undefined ? usual : usual * slowdownFactor(options.slowdown, inFlight);
    const reply = await replyTo(entry, request);
    const due = reply.slow ? takes - (performance.now() - arrived) : 0;
    if (due > 0) await sleep(due, undefined, { signal: stopping.signal }).catch(() => undefined);
    inFlight -= 1;

    entry.ms = Math.round(performance.now() - arrived);
    entry.status = reply.send === 'nothing' || reply.send === 'reset' ? null : reply.status;
    entry.error = errorCodeOf(reply.body);
    response.setHeaders(
      new Map(
        Object.entries({
          'x-request-id': entry.requestId,
          'openai-processing-ms': String(entry.ms),
          'openai-organization': 'org-simulated',
          'openai-version': '2020-10-01',
          ...(!sendsRateHeaders || reply.bare || reply.status === 401 ? {} : rateHeaders(shownBy(entry))),
          ...reply.headers,
        }),
      ),
    );
    send(response, reply);
  }

  /** The account as the headers of this call's answer tell it. */
  function shownBy(entry: LedgerEntry): AccountState {
    return options.headersAsOf === 'answer' || entry.account === null ? account.state() : entry.account;
  }

  async function replyTo(entry: LedgerEntry, request: IncomingMessage): Promise<CallReply> {
    const body = await bodyOf(request).catch((error: unknown) => error);
    const problem = keyProblemOf(request) ?? (body instanceof ApiFailure ? body.answer : null);
    if (problem !== null) return { ...plainError(problem) };
    return answerCall(entry, body);
  }

  function keyProblemOf(request: IncomingMessage): ApiError | null {
    const [, key] = /^Bearer\s+(\S+)$/.exec(request.headers.authorization ?? '') ?? [];
    if (key === undefined) return wrongKey(null);
    return keys === null || keys.includes(key) ? null : wrongKey(key);
  }

  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port ?? 0, options.host ?? '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo;

  return {
    url: `http://${options.host ?? '127.0.0.1'}:${port}/v1`,
    port,
    ledger,
    probes: probes.seen,
    competitorTook: competitor?.taken ?? { requests: 0, tokens: 0 },
    ...settings,
    async close() {
      stopping.abort();
      competitor?.stop();
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

const API_PATHS: Record<string, Api> = { '/v1/responses': 'responses', '/v1/chat/completions': 'chat' };

const plainError = (error: ApiError): CallReply => ({
  status: error.status,
  body: error.body,
  headers: error.headers ?? {},
  bare: false,
  send: 'whole',
  slow: false,
});

/** Code or type of the error in a body, wherever the provider put it. */
function errorCodeOf(body: unknown): string | null {
  if (typeof body !== 'object' || body === null || !('error' in body)) return null;
  const { error } = body;
  if (typeof error !== 'object' || error === null) return error === null ? null : 'plain_string';
  const { code, type } = error as { code?: string | number | null; type?: string | null };
  return code !== null && code !== undefined ? String(code) : (type ?? null);
}
