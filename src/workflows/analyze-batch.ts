import {
  CancellationScope,
  CancelledFailure,
  condition,
  getExternalWorkflowHandle,
  isCancellation,
  log,
  setCurrentDetails,
  setHandler,
  sleep,
  workflowInfo,
} from '@temporalio/workflow';
import type { BatchImage } from '../activities/index.ts';
import {
  addCounts,
  countImage,
  countPrompt,
  countRecorded,
  noCounts,
  subtractCounts,
} from '../shared/counts.ts';
import { batchDone, imageDone, plural } from '../shared/phrases.ts';
import { cutToBytes, SUMMARY_BYTES } from '../shared/cut.ts';
import { isMeant, stands } from '../shared/recorded.ts';
import { lastTries } from '../shared/tries.ts';
import type {
  AskFailure,
  AskResult,
  BatchInput,
  BatchProgress,
  BatchResult,
  FailureLine,
  ImageResult,
  PromptResult,
  Try,
} from '../shared/types.ts';
import { recordedFailure, triesOf } from './failures.ts';
import { leavesOpenCalls, reportsAnswers } from './changes.ts';
import { createGate } from './gate.ts';
import {
  answersQuery,
  batchBlockedSignal,
  batchClearedSignal,
  batchReportSignal,
  pauseSignal,
  probeSignal,
  progressQuery,
  resumeSignal,
} from './messages.ts';
import { askModelActivity, openBatch, saveBatch } from './policies.ts';

/** Pictures of many questions take long: the run hears of them in between. More than four pictures of six questions have. */
const REPORT_AFTER = 30;

/** After a cancel a call that is open may end for so long; then the batch closes without it. */
const OPEN_CALLS_END = '10 seconds';

/** So long may the last words of a batch take that is cancelled. */
const LAST_WORDS = '3 seconds';

/** Requests older than this are of no use to a display of the last minute. */
const SENDS_KEPT_MS = 120_000;

/**
 * Child workflow: the pictures of one batch side by side, and each picture's prompts one after the other.
 * What is known already, from an earlier execution or from another run, is not asked. Its results are written as one
 * shard before it ends, also when it is cancelled. It never fails for a picture's sake.
 */
export async function analyzeBatch(input: BatchInput): Promise<BatchResult> {
  const { batch, results, plan } = input;
  const startedAt = new Date();
  const parent = parentHandle();
  const images: (ImageResult | undefined)[] = [];
  const { retry = null } = input;
  let counts = noCounts();
  let failures: FailureLine[] = [];
  let open = 0;
  /** Outcomes since the run was told last. */
  let unreported = 0;
  let sends: BatchProgress['sends'] = [];

  const report = (): Promise<void> => {
    unreported = 0;
    return tell(() => parent.signal(batchReportSignal, { batch, counts, failures: failures.slice(-5) }));
  };

  const gate = createGate(false, {
    blocked: (block) => tell(() => parent.signal(batchBlockedSignal, { batch, block })),
    cleared: () => tell(() => parent.signal(batchClearedSignal, { batch })),
  });
  let lastOrder = 0;
  const isLate = (order = lastOrder): boolean => {
    if (order < lastOrder) return true;
    lastOrder = order;
    return false;
  };
  setHandler(pauseSignal, async (order) => {
    if (isLate(order)) return;
    gate.close();
    // What the last open calls bring is in the results soon after the pause, also when the run is cancelled meanwhile.
    await CancellationScope.nonCancellable(async () => {
      await condition(() => open === 0 || (!gate.closed && leavesOpenCalls(input)));
      await report();
    });
  });
  setHandler(resumeSignal, (order) => {
    if (!isLate(order)) gate.open();
  });
  setHandler(probeSignal, gate.probe);
  setHandler(progressQuery, () => ({ batch, counts, open, paused: gate.closed, sends, failures }), {
    description: 'Counts, open questions, requests of the last minutes.',
  });
  setHandler(answersQuery, () => images.filter((image) => image !== undefined), {
    description: 'The pictures with what is answered so far.',
  });

  const title = input.batches === null ? `batch ${batch + 1}` : `batch ${batch + 1}/${input.batches}`;
  log.info(`${title} begins with ${plural(input.images, 'picture')}`, { run: input.run, batch });

  const { runId, firstExecutionRunId } = workflowInfo();
  const opening = {
    ...{ results, plan, batch, page: input.page, first: input.first, images: input.images, retry },
    // It decides nothing here: an activity is told.
    begunBefore: input.begunBefore === true || runId !== firstExecutionRunId,
  };
  const listed = await gate.through(() => openBatch(opening));
  if (input.counted) {
    for (const { recorded } of listed) {
      if (recorded) counts = subtractCounts(counts, countRecorded(recorded, input.prompts.length));
    }
  }
  const calledOff = leavesOpenCalls(input) ? callOffAfterCancel() : null;

  /** `hopeless`: the failure says that the picture's other questions cannot succeed either. */
  async function ask(
    image: BatchImage,
    prompt: BatchInput['prompts'][number],
  ): Promise<{ outcome: PromptResult; hopeless?: AskFailure }> {
    const askModel = askModelActivity(input.modelQueue, summaryOf(input, image.name, prompt.name));
    const call = async (): Promise<AskResult> => {
      open += 1;
      try {
        const question = { results, plan, page: input.page, image: image.index, prompt: prompt.id };
        const answer = askModel(question);
        return await (calledOff ? Promise.race([answer, calledOff]) : answer);
      } finally {
        open -= 1;
      }
    };
    const before = image.recorded?.prompts[prompt.id];
    /** Of the time before, and of calls that a pause or a block ended: they cost what they cost. */
    const earlier: Try[] = before?.ok === false ? [...before.failure.tries] : [];
    const unfinished = (err: unknown): void => void earlier.push(...triesOf(err));
    try {
      const result = await gate.through(call, { withdraw: true, unfinished });
      const charged = result.charged + earlier.reduce((sum, t) => sum + t.charged, 0);
      return {
        outcome: {
          ok: true,
          result: { ...result, charged, tries: lastTries([...earlier, ...result.tries]) },
        },
      };
    } catch (err) {
      if (err instanceof CalledOff) return { outcome: { ok: false, failure: possiblyPaid(earlier) } };
      if (isCancellation(err)) throw err;
      const { scope, ...last } = recordedFailure(err);
      const failure = { ...last, tries: lastTries([...earlier, ...last.tries]) };
      return { outcome: { ok: false, failure }, ...(scope === 'picture' ? { hopeless: failure } : {}) };
    }
  }

  function record(
    image: ImageResult,
    name: string,
    prompt: string,
    outcome: PromptResult,
    known = false,
  ): void {
    image.prompts[prompt] = outcome;
    image.endedAt = new Date().toISOString();
    counts = addCounts(counts, countPrompt(prompt, outcome));
    const isNew = !known && !(outcome.ok && outcome.result.recalledFrom !== undefined);
    const { tries } = !isNew ? { tries: [] } : outcome.ok ? outcome.result : outcome.failure;
    const recent = Date.now() - SENDS_KEPT_MS;
    sends = [...sends, ...tries]
      .filter((t) => Date.parse(t.at) >= recent)
      .map(({ at, charged }) => ({ at, charged }));
    // One line a picture: what is recorded for its other questions is the same failure, without a try.
    if (outcome.ok || known) return;
    const { kind, message } = outcome.failure;
    failures = [...failures, { at: new Date().toISOString(), image: name, prompt, kind, message }].slice(-10);
  }

  async function analyzeImage(listedImage: BatchImage): Promise<void> {
    const { index, name, recorded, recalled = {} } = listedImage;
    const meant = isMeant(index, retry);
    if (!meant && recorded === undefined) return;
    const start = new Date().toISOString();
    const image: ImageResult = {
      ...(recorded ?? { page: input.page, index, startedAt: start, endedAt: start }),
      ...(recorded || listedImage.recalled ? { resumed: true as const } : {}),
      prompts: {},
    };
    images[index - input.first] = image;
    for (const { id } of input.prompts) {
      const known = recorded?.prompts[id];
      if (known && (stands(known, retry) || !meant)) record(image, name, id, known, true);
      else if (recalled[id]) record(image, name, id, { ok: true, result: recalled[id] });
    }
    const open = meant ? input.prompts.filter(({ id }) => !image.prompts[id]) : [];
    if (open.length === 0 && recorded) image.endedAt = recorded.endedAt;
    if (open.length > 0) {
      const names = open.map((prompt) => prompt.name).join(', ');
      log.info(`analyzing with ${plural(open.length, 'prompt')}: ${names}`, { run: input.run, image: name });
    }
    let hopeless: AskFailure | undefined;
    for (const prompt of open) {
      if (hopeless) {
        record(image, name, prompt.id, { ok: false, failure: { ...hopeless, tries: [] } }, true);
        continue;
      }
      const asked = await ask(listedImage, prompt);
      const first = counts.failed === 0;
      record(image, name, prompt.id, asked.outcome);
      if (!asked.outcome.ok && asked.outcome.failure.possiblyPaid) throw new CancelledFailure('given up');
      hopeless = asked.hopeless;
      unreported += 1;
      if (!asked.outcome.ok && (input.reportImages || first)) await report();
      else if (input.reportImages && unreported >= REPORT_AFTER && reportsAnswers()) await report();
    }
    const outcomes = Object.values(image.prompts);
    if (outcomes.length < input.prompts.length) return;
    counts = addCounts(counts, countImage(outcomes));
    log.info(imageDone(Date.now() - Date.parse(start), outcomes), { run: input.run, image: name });
    setCurrentDetails(batchDetails(input, counts));
    if (input.reportImages) await report();
  }

  const save = (): Promise<void> =>
    saveBatch({
      results,
      plan,
      shard: {
        batch,
        startedAt: startedAt.toISOString(),
        endedAt: new Date().toISOString(),
        images: images.filter((image) => image !== undefined),
      },
    });

  let asking = true;
  try {
    await sideBySide(listed, input.sideBySide, analyzeImage);
    asking = false;
    await gate.through(save, { urgent: true });
  } catch (err) {
    // The run is cancelled: what was answered is kept, and the run told of it.
    await CancellationScope.nonCancellable(async () => {
      if (leavesOpenCalls(input)) {
        await Promise.race([Promise.all([save().catch(() => {}), report()]), sleep(LAST_WORDS)]);
      } else if (asking) await report();
    });
    throw err;
  }
  log.info(batchDone(title, Date.now() - startedAt.getTime(), counts), { run: input.run, batch });
  return { batch, counts };
}

/** A call was given up while it was open. */
class CalledOff extends Error {}

const possiblyPaid = (tries: Try[]): AskFailure => ({
  kind: 'Lost',
  message: 'The run was cancelled while this call was open: it may have been paid.',
  possiblyPaid: true,
  tries: lastTries(tries),
});

/** Rejects when the workflow has been cancelled for so long that open calls are waited for no more. */
function callOffAfterCancel(): Promise<never> {
  const { cancelRequested } = CancellationScope.current();
  const calledOff = cancelRequested.catch(() =>
    CancellationScope.nonCancellable(async () => {
      await sleep(OPEN_CALLS_END);
      throw new CalledOff();
    }),
  );
  calledOff.catch(() => {});
  return calledOff;
}

/**
 * Runs `work` on every item, at most `n` at a time, in the items' order. When one rejects the others are waited for
 * all the same, so that calls in flight end inside the workflow and are recorded.
 */
async function sideBySide<T>(
  items: readonly T[],
  n: number,
  work: (item: T) => Promise<void>,
): Promise<void> {
  const waiting = [...items];
  const lane = async (): Promise<void> => {
    for (let item = waiting.shift(); item !== undefined; item = waiting.shift()) await work(item);
  };
  const lanes = await Promise.allSettled(Array.from({ length: n }, lane));
  const failed = lanes.find((outcome) => outcome.status === 'rejected');
  if (failed) throw failed.reason;
}

/** The run that this batch belongs to; a batch started by hand has none and tells nobody. */
function parentHandle(): { signal: ReturnType<typeof getExternalWorkflowHandle>['signal'] } {
  const parent = workflowInfo().parent;
  if (parent === undefined) return { signal: async () => {} };
  return getExternalWorkflowHandle(parent.workflowId);
}

/** A parent that was closed by hand cannot be told; the batch's answers count all the same. */
async function tell(send: () => Promise<void>): Promise<void> {
  try {
    await send();
  } catch (err) {
    log.warn('the run could not be told of a batch', { error: String(err) });
  }
}

const summaryOf = (input: BatchInput, image: string, prompt: string): string =>
  cutToBytes(`${input.simulated ? 'SIMULATED · ' : ''}${image.slice(-100)} · ${prompt}`, SUMMARY_BYTES);

function batchDetails(input: BatchInput, counts: BatchProgress['counts']): string {
  const label = input.simulated ? '**SIMULATED** - no model looked at these pictures.\n\n' : '';
  return `${label}${counts.images} of ${plural(input.images, 'picture')}, ${plural(counts.answered, 'answer')}, ${counts.failed} failed`;
}
