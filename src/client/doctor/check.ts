import { redact } from '../../shared/redact.ts';
import { messageOf } from '../errors.ts';

/**
 * `wrong`: a run would fail or lack something that it needs. `warn`: it works, with a loss that is told. `skipped`: not
 * looked at, and why.
 */
export type CheckState = 'ok' | 'warn' | 'wrong' | 'skipped';

/** What one look found. */
export interface Finding {
  state: CheckState;
  /** For a person, in one sentence or two. */
  found: string;
  /** How to mend it, with an example; `null` where nothing is to be mended. */
  remedy: string | null;
}

/** One link of the chain from the server to the picture. */
export interface Check {
  /** Stable: machines read it. */
  name: string;
  /** For a person. */
  title: string;
  /** Names of earlier checks without which this one says nothing. */
  needs: readonly string[];
  /** What to do when it gives no answer in time, or breaks off for a reason of which nothing is known. */
  remedy: string;
  /** The signal ends with its time. */
  look(signal: AbortSignal): Promise<Finding>;
}

export interface CheckResult extends Finding {
  name: string;
  title: string;
  /** How long the look took. */
  ms: number;
}

/** As long as one check may take. */
const CHECK_MS = 10_000;

export const ok = (found: string): Finding => ({ state: 'ok', found, remedy: null });
export const warn = (found: string, remedy: string): Finding => ({ state: 'warn', found, remedy });
export const wrong = (found: string, remedy: string): Finding => ({ state: 'wrong', found, remedy });
export const skipped = (found: string, remedy: string | null = null): Finding => ({
  state: 'skipped',
  found,
  remedy,
});

/**
 * Runs checks side by side, each as soon as those that it needs have ended, and gives the results in the order of the
 * checks. One that needs a broken one is skipped. A look that takes longer than `limitMs` is left alone and counts as
 * wrong. `secrets` are taken out of every text. Never rejects.
 */
export async function* runChecks(
  checks: readonly Check[],
  options: { secrets: readonly string[]; limitMs?: number },
): AsyncGenerator<CheckResult> {
  const { secrets, limitMs = CHECK_MS } = options;
  const results = new Map<string, Promise<CheckResult>>();
  const clean = (text: string): string => redact(text, secrets, 2_000);

  const run = async (check: Check): Promise<CheckResult> => {
    const { name, title } = check;
    const needed = await Promise.all(check.needs.flatMap((need) => results.get(need) ?? []));
    const broken = needed.find((result) => result.state === 'wrong' || result.state === 'skipped');
    const started = performance.now();
    const { state, found, remedy } =
      broken === undefined ? await within(check, limitMs) : skipped(becauseOf(broken));
    return {
      name,
      title,
      state,
      found: clean(found),
      remedy: remedy === null ? null : clean(remedy),
      ms: Math.round(performance.now() - started),
    };
  };

  for (const check of checks) results.set(check.name, run(check));
  for (const result of results.values()) yield await result;
}

const becauseOf = ({ title, state }: CheckResult): string =>
  `Not looked at: it needs “${title}”, which is ${state === 'wrong' ? 'wrong' : 'skipped too'}.`;

async function within(check: Check, limitMs: number): Promise<Finding> {
  const ending = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<Finding>((resolve) => {
    timer = setTimeout(() => {
      resolve(wrong(`No answer within ${limitMs / 1_000} s.`, check.remedy));
      ending.abort();
    }, limitMs);
  });
  const look = check.look(ending.signal).catch((error: unknown) => wrong(messageOf(error), check.remedy));
  try {
    return await Promise.race([late, look]);
  } finally {
    clearTimeout(timer);
  }
}
