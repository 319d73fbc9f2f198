import { z } from 'zod';
import { draw } from './random.ts';

/** What can go wrong with a call on purpose. */
const FAULT_KINDS = [
  /** 429 as the real one, with headers and text. */
  'rate-limit',
  /** 429 without any `x-ratelimit-*` or `retry-after*` header. */
  'rate-limit-bare',
  'insufficient-quota',
  /** 500. */
  'server-error',
  /** 503 "Slow Down". */
  'slow-down',
  /** Answers, but the picture is neither looked at nor charged for. */
  'not-seen',
  /** Never sends a byte. */
  'hang-before',
  /** Sends the headers and half the body. */
  'hang-body',
  /** Resets the connection. */
  'reset',
  /** The body of the response is not JSON. */
  'malformed-body',
  /** The model's text is not JSON. */
  'malformed-json',
  /** The model's text is JSON of another shape. */
  'wrong-shape',
  'empty-description',
  'negative-count',
  'huge-count',
  /** Terminal control characters in the description. */
  'control-characters',
  'refusal',
  'content-filter',
  /** The output cap ended the answer. */
  'truncated',
  /** 400 "Timeout while downloading …", only for a picture that came as a URL. */
  'url-timeout',
  /** 400 "Error while downloading … Upstream status code: 403", only for a picture that came as a URL. */
  'url-download',
  /** 500 whose `error` is a plain string. */
  'plain-string-error',
  /** HTTP 200 that holds an error. */
  'error-in-200',
] as const;

export type FaultKind = (typeof FAULT_KINDS)[number];

/** A rule: a share of the calls, or `count` calls from the `from`-th on (by default the next ones). */
export type FaultRule =
  | { kind: FaultKind; share: number; from?: number | undefined; count?: undefined }
  | { kind: FaultKind; count: number; from?: number | undefined; share?: undefined };

const rule = {
  kind: z.enum(FAULT_KINDS),
  /** Number of a call, as in the ledger: the first is 1. */
  from: z.int().positive().optional(),
};

/** The plan as it is sent to a running simulator. */
export const faultRules = z.array(
  z.union([
    z.strictObject({ ...rule, share: z.number().min(0).max(1) }),
    z.strictObject({ ...rule, count: z.int().positive() }),
  ]),
);

/** A kind of fault that the simulator does not know. */
class FaultError extends Error {
  override readonly name = 'FaultError';
}

/** Rules for shares by kind, as a command line gives them. Throws a {@link FaultError} that names the kinds there are. */
export function rulesOf(shares: Readonly<Record<string, number>>): FaultRule[] {
  return Object.entries(shares).map(([name, share]) => {
    const kind = FAULT_KINDS.find((known) => known === name);
    if (kind !== undefined) return { kind, share };
    throw new FaultError(`--fault is ${JSON.stringify(name)}: the kinds are ${FAULT_KINDS.join(', ')}.`);
  });
}

export interface FaultPlan {
  /** The fault of call `n`; the first rule that applies. `picture` is its URL without a query, `null` by base64. */
  faultOf(n: number, picture: string | null): FaultKind | null;
}

/**
 * A seeded plan. A share of the URL faults is drawn by the picture's URL, not by the call's number, so that the same
 * pictures are unreachable however the calls interleave; every other share is drawn by the number.
 *
 * @param next - number of the first call under this plan
 */
export function createFaultPlan(rules: readonly FaultRule[], seed: number, next: number): FaultPlan {
  return {
    faultOf(n, picture) {
      const applies = (fault: FaultRule, index: number): boolean => {
        const onUrl = fault.kind === 'url-timeout' || fault.kind === 'url-download';
        if (onUrl && picture === null) return false;
        const from = fault.from ?? next;
        if (n < from) return false;
        if (fault.share === undefined) return n < from + fault.count;
        return draw(seed, 'fault', index, onUrl ? (picture ?? n) : n) < fault.share;
      };
      return rules.find(applies)?.kind ?? null;
    },
  };
}
