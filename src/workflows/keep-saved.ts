import { condition, log } from '@temporalio/workflow';
import { inWords } from '../shared/phrases.ts';
import type { PlanSummary } from '../shared/types.ts';
import { waitsAfterSave } from './changes.ts';
import { saveResults } from './policies.ts';
import type { RunBook } from './run-book.ts';
import type { RunControl } from './run-control.ts';

/** Results are brought up to date after so many pictures or so long, on an error, and at once when the run stops asking. */
const SAVE_EVERY_IMAGES = 10;
const SAVE_EVERY = '30 seconds';
const SAVE_GAP_AFTER_ERROR_MS = 5_000;

/** Beyond so many pictures `results.json` is written only when it has grown by half; shards carry the cadence. */
export const SMALL_RUN = 1000;

/** Writes what is known now. `whole`: `results.json` too, however large the run is. */
export async function saveNow(
  plan: PlanSummary,
  book: RunBook,
  control: RunControl,
  whole: boolean,
): Promise<void> {
  control.errorUnsaved = false;
  book.saving();
  const progress = book.progress();
  const full = whole || book.images() <= SMALL_RUN || book.fullSaveIsDue();
  const input = { results: plan.results, plan: plan.plan, progress, pages: book.pages(), full, final: whole };
  const written = await control.gate.through(() => saveResults(input), { urgent: true });
  // Everything has ended: what is written is the truth, whatever batches were lost and asked again on the way.
  if (whole && written) book.settle(written.counts);
  book.saved(full);
  const done = `${progress.counts.images}/${progress.images} pictures`;
  log.info(`results saved: ${done} → ${plan.results}/results.json`, {
    run: plan.run,
    remaining: progress.remainingMs === null ? 'unknown' : inWords(progress.remainingMs),
  });
  control.showDetails();
}

/** Keeps the results up to date until `over` says that everything is launched and done. */
export async function keepSaved(
  plan: PlanSummary,
  book: RunBook,
  control: RunControl,
  over: () => boolean,
): Promise<void> {
  let lastSave: number | null = null;
  const due = (): boolean =>
    lastSave === null ||
    control.gate.closed ||
    book.unsavedImages() >= SAVE_EVERY_IMAGES ||
    (control.errorUnsaved && Date.now() - lastSave >= SAVE_GAP_AFTER_ERROR_MS);
  const gap = (): Promise<boolean> => condition(() => over() || due(), SAVE_EVERY);
  for (;;) {
    const waited = lastSave !== null && waitsAfterSave();
    if (waited) await gap();
    // No timer while nothing happens: a run may be paused for days. The first save shows what was found.
    await condition(() => over() || (book.changed() && book.pages().length > 0));
    if (!waited) await gap();
    if (over()) return;
    await saveNow(plan, book, control, false);
    lastSave = Date.now();
  }
}
