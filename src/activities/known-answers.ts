import { redact } from '../shared/redact.ts';
import type { AskResult, Plan } from '../shared/types.ts';
import type { AnswerStore, StoredAnswer } from './ports.ts';
import { recallOutcome } from './recall.ts';
import { untilAborted } from './until-aborted.ts';

/** A store that takes longer is as one that does not work: no answer waits for it. */
const STORE_MS = 10_000;

/** The answers that this worker need not pay for. */
export interface KnownAnswers {
  /**
   * The answer to a question: from the store, from an equal question that this worker asks just now, or by `ask`,
   * whose answer is in the store before it is returned. Rejects with what `ask` rejects with, or with the reason of
   * `signal` while it waits for another; the equal question's failure is not its own, it then asks itself.
   *
   * A store that cannot be read or written is a warning, and costs at most that a question is asked again: history
   * holds the answer all the same.
   */
  find(question: Question, ask: () => Promise<AskResult>): Promise<AskResult>;
}

export interface Question {
  /** By `answerKey`. */
  key: string;
  plan: Pick<Plan, 'results' | 'fresh'>;
  /** By `imageKey`. */
  image: string;
  /** The picture's address. */
  picture: string;
  signal: AbortSignal;
  /** Is called when an equal question is being asked and this one waits for it. */
  mustWait: () => void;
  warn: (message: string, about: { reason: string }) => void;
}

export function createKnownAnswers(store: AnswerStore): KnownAnswers {
  /** What is being asked, by key; resolves with `null` when nothing came of it. */
  const underWay = new Map<string, Promise<StoredAnswer | null>>();
  /** Said once, until it can be read again. */
  let unreadable = false;

  async function read({ key, warn }: Question): Promise<StoredAnswer | undefined> {
    try {
      const found = await inTime(store.read([key]));
      unreadable = false;
      return found.get(key);
    } catch (err) {
      if (!unreadable) warn('kept answers cannot be read; asking', reasonOf(err));
      unreadable = true;
      return undefined;
    }
  }

  async function keep({ key, picture, warn }: Question, entry: StoredAnswer): Promise<void> {
    try {
      await inTime(store.write(key, entry, picture));
    } catch (err) {
      warn('the answer could not be kept for other runs', reasonOf(err));
    }
  }

  async function findOrAsk(question: Question, ask: () => Promise<AskResult>): Promise<StoredAnswer> {
    const kept = await read(question);
    if (kept !== undefined && recallOutcome(question.plan, question.image, kept) !== null) return kept;
    const entry: StoredAnswer = {
      answer: await ask(),
      run: question.plan.results,
      image: question.image,
    };
    await keep(question, entry);
    return entry;
  }

  return {
    async find(question, ask) {
      const { key, plan, image, signal } = question;
      for (;;) {
        const other = underWay.get(key);
        if (other === undefined) break;
        question.mustWait();
        const outcome = recallOutcome(plan, image, (await untilAborted(other, signal)) ?? undefined);
        if (outcome !== null) return outcome;
      }
      const asking = findOrAsk(question, ask).finally(() => underWay.delete(key));
      underWay.set(
        key,
        asking.catch(() => null),
      );
      const entry = await asking;
      return recallOutcome(plan, image, entry) ?? entry.answer;
    },
  };
}

const reasonOf = (err: unknown): { reason: string } => ({
  reason: redact(err instanceof Error ? err.message : String(err)),
});

async function inTime<T>(work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new Error(`no answer from the store within ${STORE_MS / 1_000} s`)),
      STORE_MS,
    );
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
