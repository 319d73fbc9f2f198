import type { RecordedAnswer } from '../shared/rebuilt.ts';
import type { AskResult, ImagePage, ImageResult, Plan, PromptResult, Shard } from '../shared/types.ts';
import { isPurged } from '../shared/purge.ts';
import { answerKey } from './answer-key.ts';
import type { AnswerStore } from './ports.ts';
import { imageKey, recallOutcome } from './recall.ts';

/** How many answers were found, and where. */
export interface Found {
  fromStore: number;
  fromHistory: number;
}

export interface SearchedBatch {
  plan: Plan;
  page: ImagePage;
  /** Index of the first picture in the page, and how many there are. */
  first: number;
  images: number;
  shard: Shard | null;
  /** Whether the batch can have asked at all. */
  begun: boolean;
  /** Whether the run had an outcome for every question: then it had recalled what another run has paid for. */
  hadAll: boolean;
  workflowId: string;
}

/**
 * Looks in the answer store, and for what is not there in the batch's histories, for answers that its shard misses.
 * Returns the pictures that gain one, with everything that is known of them.
 */
export async function findAnswers(
  deps: { answers: AnswerStore; answersOf: (workflowId: string) => Promise<RecordedAnswer[]> },
  about: SearchedBatch,
): Promise<Found & { images: ImageResult[] }> {
  const open = about.begun ? openQuestions(about) : [];
  if (open.length === 0) return { fromStore: 0, fromHistory: 0, images: [] };
  const { plan, page } = about;
  const kept = await deps.answers.read(open.map(({ key }) => key));
  const gained: Gained[] = [];
  const lost: Question[] = [];
  for (const question of open) {
    const { outcome } = question;
    const answer = recallOutcome(plan, imageKey(page.page, question.index), kept.get(question.key));
    const isOwn = answer !== null && answer.recalledFrom === undefined;
    if (answer !== null && (isOwn || (outcome === undefined && about.hadAll)))
      gained.push({ ...question, answer });
    else if (isUnknown(outcome)) lost.push(question);
  }
  const fromStore = gained.length;
  const recorded = lost.length === 0 ? [] : await deps.answersOf(about.workflowId);
  for (const question of lost) {
    const known = recorded.find(
      ({ page: ofPage, index, prompt }) =>
        ofPage === page.page && index === question.index && prompt === question.prompt,
    );
    if (known !== undefined) gained.push({ ...question, answer: known.result });
  }
  return { fromStore, fromHistory: gained.length - fromStore, images: picturesOf(about, gained) };
}

interface Question {
  index: number;
  prompt: string;
  key: string;
  outcome: PromptResult | undefined;
}

type Gained = Question & { answer: AskResult };

/** Questions of the batch without an answer. */
function openQuestions({ plan, page, first, images, shard }: SearchedBatch): Question[] {
  return page.images.slice(first, first + images).flatMap((image, i) => {
    const index = first + i;
    const recorded = shard?.images.find((known) => known.index === index);
    return plan.prompts.flatMap((prompt) => {
      const outcome = recorded?.prompts[prompt.id];
      if (outcome?.ok === true || isPurged(outcome)) return [];
      return [{ index, prompt: prompt.id, key: answerKey(plan, image, prompt), outcome }];
    });
  });
}

/** Nobody knows how it came out: it is not recorded, was given up while it was open, or went down with its batch. */
const isUnknown = (outcome: PromptResult | undefined): boolean =>
  outcome === undefined ||
  (!outcome.ok && (outcome.failure.possiblyPaid === true || outcome.failure.kind === 'Lost'));

function picturesOf({ page, shard, plan }: SearchedBatch, gained: readonly Gained[]): ImageResult[] {
  return [...new Set(gained.map(({ index }) => index))].map((index) => {
    const mine = gained.filter((question) => question.index === index);
    const known = shard?.images.find((image) => image.index === index);
    const prompts: ImageResult['prompts'] = {};
    // In the plan's order, as a batch writes them.
    for (const { id } of plan.prompts) {
      const found = mine.find(({ prompt }) => prompt === id);
      const outcome = found === undefined ? known?.prompts[id] : { ok: true as const, result: found.answer };
      if (outcome !== undefined) prompts[id] = outcome;
    }
    const starts = mine.map(({ answer }) => answer.sentAt).sort();
    const ends = mine
      .map(({ answer }) => new Date(Date.parse(answer.sentAt) + answer.ms).toISOString())
      .sort();
    if (known !== undefined) return { ...known, prompts };
    const [startedAt = '', endedAt = ''] = [starts[0], ends.at(-1)];
    return { page: page.page, index, startedAt, endedAt, resumed: true, prompts };
  });
}
