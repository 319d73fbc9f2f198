import type { Config } from '../../config.ts';
import { limitsInWords } from '../../shared/limits.ts';
import { type ModelProblem, type Probes, type SmallAnswer, UNKNOWN_ADDRESS } from '../../shared/probes.ts';
import { type Check, type Finding, ok, skipped, warn, wrong } from './check.ts';
import { codeOf, connectionInWords, endpointOfUrl, speaksTls } from '../../connection/network.ts';

const TLS_MS = 2_000;
/** An answer that takes longer says nothing against the model: 9 s are its usual time. */
const ASK_MS = 9_500;
/** From here on URLs are signed for another time than the provider's, and resets of limits are misread. */
const CLOCK_MS = 60_000;

/** Codes of Node's for a certificate that it does not trust. */
const CERTIFICATE = /CERT|SELF_SIGNED|UNABLE_TO_(?:VERIFY|GET)/;
/** What Node says when one end speaks TLS and the other does not. */
const MIXED_UP = /SSL|EPROTO|^HPE_|ECONNRESET|UND_ERR_SOCKET/;

/** Checks of the model: its server, the key, the name, the answer to one call, and the clock against the server's. */
export function modelChecks(
  config: Config,
  probes: Probes,
  { ask, calledAs, now }: { ask: boolean; calledAs: string; now: () => number },
): Check[] {
  const { baseUrl, model } = config;
  let skewMs: number | null = null;
  let checked: Promise<ModelProblem | null> | undefined;
  const check = (signal: AbortSignal): Promise<ModelProblem | null> =>
    (checked ??= probes.checkModel(signal));

  /** Asks without the key, so that the address alone is looked at. */
  async function lookAtServer(signal: AbortSignal): Promise<Finding> {
    let response: Response;
    const asked = now();
    try {
      response = await fetch(`${baseUrl.replace(/\/+$/, '')}/models`, { redirect: 'manual', signal });
      await response.body?.cancel();
    } catch (error) {
      return unreachable(baseUrl, codeOf(error));
    }
    const { status, headers } = response;
    const date = Date.parse(headers.get('date') ?? '');
    // The header tells whole seconds.
    if (Number.isFinite(date)) skewMs = (asked + now()) / 2 - (date + 500);
    const simulated = headers.get('x-simulated') === 'true';
    if (simulated !== config.account.simulated) {
      return wrong(
        simulated
          ? `A simulator answers at ${baseUrl}, in place of a real model.`
          : `What answers at ${baseUrl} is not the simulator.`,
        'Correct OPENAI_BASE_URL, for example OPENAI_BASE_URL=https://api.openai.com/v1, or SIMULATED.',
      );
    }
    if (status >= 500) {
      return wrong(
        `${baseUrl} answers with HTTP ${status}.`,
        'Wait until the provider works again (its status page says when), or correct OPENAI_BASE_URL, for example ' +
          'OPENAI_BASE_URL=https://api.openai.com/v1.',
      );
    }
    // What servers in Go and nginx say to whoever calls their TLS port without.
    if (status === 400 && baseUrl.startsWith('http:') && (await speaksTls(endpointOfUrl(baseUrl), TLS_MS))) {
      return unreachable(baseUrl, 'EPROTO');
    }
    if (status >= 300 && status < 400) {
      return warn(
        `${baseUrl} sends its callers elsewhere (HTTP ${status}).`,
        'Give the address that it sends them to, for example OPENAI_BASE_URL=https://api.openai.com/v1.',
      );
    }
    return ok(`${baseUrl} answers.`);
  }

  async function lookAtKey(signal: AbortSignal): Promise<Finding> {
    const problem = await check(signal);
    const given =
      config.apiKey === null ? 'No key is set, and the server wants none.' : 'The key is accepted.';
    if (problem === null || isAboutModel(problem)) return ok(given);
    if (problem.code === 'missing_api_key') {
      return wrong('OPENAI_API_KEY is not set.', 'Set it for workers and commands: OPENAI_API_KEY=sk-….');
    }
    if (problem.status === 429 && problem.remedy === null) return atLimit(problem);
    if (problem.code === UNKNOWN_ADDRESS) {
      return warn(
        problem.message,
        'Check the path; most servers want /v1 at the end, as in OPENAI_BASE_URL=https://api.openai.com/v1. Where it ' +
          `is right, \`${calledAs} doctor --ask\` shows whether key and model are.`,
      );
    }
    if (problem.origin !== 'api' || (problem.status ?? 0) >= 500) {
      return wrong(
        problem.message,
        'Ask again in a moment; if it lasts, look at the status page of the provider.',
      );
    }
    return wrong(
      problem.message,
      problem.remedy ?? 'Set the key of an account that works: OPENAI_API_KEY=sk-….',
    );
  }

  async function lookAtModel(signal: AbortSignal): Promise<Finding> {
    const problem = await check(signal);
    if (problem === null) return ok(`${model} is served.`);
    if (!isAboutModel(problem)) return skipped(`It is not told whether ${model} is served.`);
    return wrong(
      problem.message,
      `Give the name of a model that sees pictures and that this key may use, for example MODEL=gpt-4o; ${baseUrl}/models ` +
        'lists them.',
    );
  }

  async function lookAtAnswer(signal: AbortSignal): Promise<Finding> {
    if (!ask) {
      return skipped(
        'Not asked, since one call is billed: whether it answers, sees pictures, has credit, and what its limits are.',
        `Ask it: \`${calledAs} doctor --ask\`.`,
      );
    }
    const answer = await probes.askModel(AbortSignal.any([signal, AbortSignal.timeout(ASK_MS)]));
    if (!('origin' in answer)) return answered(config, answer);
    if (answer.origin === 'timeout' || answer.origin === 'aborted') {
      return warn(
        `${model} has not answered within ${ASK_MS / 1_000} s.`,
        'Ask again later; a run waits longer (MODEL_TIMEOUT_SECONDS=60).',
      );
    }
    if (answer.status === 429 && answer.remedy === null) return atLimit(answer);
    return wrong(
      answer.message,
      answer.remedy ?? `Try one picture, which shows all that is sent: \`${calledAs} ask ./picture.jpg\`.`,
    );
  }

  async function lookAtClock(): Promise<Finding> {
    if (skewMs === null) return skipped(`Not told: ${baseUrl} sends no Date.`);
    const seconds = Math.round(Math.abs(skewMs) / 1_000);
    if (Math.abs(skewMs) < CLOCK_MS) return ok(`Within ${Math.max(1, seconds)} s of the model server's.`);
    return wrong(
      `This machine's clock is ${seconds} s ${skewMs > 0 ? 'ahead of' : 'behind'} the model server's: signed URLs ` +
        'and waits are for another time.',
      'Have it set by the network: `sudo timedatectl set-ntp true`.',
    );
  }

  const remedy =
    'Check OPENAI_BASE_URL and the network, for example OPENAI_BASE_URL=https://api.openai.com/v1.';
  return [
    { name: 'model-server', title: 'Model server', needs: [], remedy, look: lookAtServer },
    { name: 'key', title: 'Key', needs: ['model-server'], remedy, look: lookAtKey },
    { name: 'model', title: 'Model', needs: ['key'], remedy, look: lookAtModel },
    { name: 'answer', title: 'Answer and limits', needs: ['model'], remedy, look: lookAtAnswer },
    { name: 'clock', title: 'Clock', needs: ['model-server'], remedy, look: lookAtClock },
  ];
}

async function unreachable(baseUrl: string, code: string): Promise<Finding> {
  const isTls = baseUrl.startsWith('https:');
  if (CERTIFICATE.test(code)) {
    return wrong(
      `The certificate of ${baseUrl} is not trusted (${code}).`,
      'Give Node the certificate of the authority that signed it: NODE_EXTRA_CA_CERTS=/etc/ssl/our-ca.pem.',
    );
  }
  if (MIXED_UP.test(code)) {
    const tls = await speaksTls(endpointOfUrl(baseUrl), TLS_MS);
    if (isTls && !tls) {
      return wrong(
        `${baseUrl} does not speak TLS (${code}).`,
        `Write http:// in place of https://: OPENAI_BASE_URL=${baseUrl.replace(/^https:/, 'http:')}.`,
      );
    }
    if (!isTls && tls) {
      return wrong(
        `${baseUrl} speaks TLS, and is called without.`,
        `Write https:// in place of http://: OPENAI_BASE_URL=${baseUrl.replace(/^http:/, 'https:')}.`,
      );
    }
  }
  return wrong(
    `No answer from ${baseUrl}: ${connectionInWords(code)}.`,
    'Check OPENAI_BASE_URL, the network and a firewall, for example OPENAI_BASE_URL=https://api.openai.com/v1.',
  );
}

/** The key was accepted, and the name was not. */
const isAboutModel = ({ status, code }: ModelProblem): boolean =>
  code === 'model_not_found' || (status === 404 && code !== UNKNOWN_ADDRESS);

const atLimit = ({ message }: ModelProblem): Finding =>
  warn(
    `The account is at its limit at this moment: ${message}`,
    'Ask again in a minute; a run waits by itself. If other programs use the account, leave them a part: LIMITS=400/24000.',
  );

function answered({ limits: own, model }: Config, answer: SmallAnswer): Finding {
  const { requestsPerMinute, tokensPerMinute } = answer.limits;
  const cost = answer.totalTokens === null ? '' : ` The call took ${answer.totalTokens} tokens.`;
  if (requestsPerMinute === undefined && tokensPerMinute === undefined) {
    const told = `${answer.model} answers, and its headers tell no limits.${cost}`;
    if (own.requestsPerMinute !== 'auto' && own.tokensPerMinute !== 'auto') return ok(told);
    return warn(told, "Tell the account's limits, somewhat below what it has: LIMITS=480/28000.");
  }
  const told = {
    requestsPerMinute: requestsPerMinute ?? 'auto',
    tokensPerMinute: tokensPerMinute ?? 'auto',
  } as const;
  const found = `${answer.model} answers; the account has ${limitsInWords(told)}.${cost}`;
  const isOver = (mine: number | 'auto', theirs: number | undefined): boolean =>
    mine !== 'auto' && theirs !== undefined && mine > theirs;
  if (isOver(own.requestsPerMinute, requestsPerMinute) || isOver(own.tokensPerMinute, tokensPerMinute)) {
    return warn(
      `${found} LIMITS says more: ${limitsInWords(own)}.`,
      `Leave it to the headers (LIMITS=auto), or go below them; ${model} refuses what is over.`,
    );
  }
  return ok(found);
}
