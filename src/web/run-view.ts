import { failuresSeen, liveView, type Snapshot } from '../client/live-view.ts';
import { summaryNow } from '../client/look-at-run.ts';
import { honestState } from '../client/render/summary.ts';
import type { RecordedRun } from '../client/runs.ts';
import { noCounts, questionsOf } from '../shared/counts.ts';
import type { FailureKind, MinuteLine } from '../shared/types.ts';
import type { Action, RunDetail, RunRow, ShownState } from './api.ts';

/** What is known of a run: its record, and what its workflow says now (`null`: it was not asked, or does not answer). */
export interface SeenRun {
  recorded: RecordedRun;
  live: Snapshot | null;
  /** Why what its workflow says cannot be read here; then nobody knows better than its record. */
  unreadable?: string | null;
}

const ENDED: readonly ShownState[] = ['complete', 'incomplete', 'cancelled', 'failed'];

/** Whether a run of this state does not go on by itself and is not waited for either. */
export const isEndShown = (state: ShownState): boolean => ENDED.includes(state);

/** Pure: a run as the list shows it. */
export function rowOf({ recorded, live, unreadable = null }: SeenRun, now: number): RunRow {
  const { run, plan } = recorded;
  const progress = live?.progress ?? recorded.progress;
  const summary = summaryNow({ recorded, live }, now);
  const counts = summary.counts ?? noCounts();
  const questions = questionsOf(summary.images, plan.prompts.length, counts);
  const recordedState = unreadable === null ? summary.state : (progress?.state ?? 'planning');
  const state = honestState(recordedState, counts, questions);
  // The record's own time is as old as its last event; while calls can be made it goes on.
  const since = live !== null && state === 'running' ? now - Date.parse(live.progress.updatedAt) : 0;
  return {
    run,
    state,
    source: plan.source,
    model: plan.model,
    simulated: summary.simulated,
    startedAt: progress?.startedAt ?? plan.createdAt,
    endedAt: isEndShown(state) ? (progress?.updatedAt ?? null) : null,
    activeMs: (progress?.activeMs ?? 0) + Math.max(0, since),
    pictures: summary.images,
    listing: summary.listing && !isEndShown(state),
    picturesComplete: counts.imagesComplete,
    answered: counts.answered,
    failed: counts.failed,
    questions,
    prompts: plan.prompts.map(({ id, name }) => ({ id, name, matches: counts.matches[id] ?? 0 })),
    inputTokens: counts.inputTokens,
    outputTokens: counts.outputTokens,
    recalled: counts.recalled,
    problem: null,
  };
}

/** Pure: a run whose record cannot be read, so that it is not passed over in silence. */
export const brokenRow = (run: string, problem: string): RunRow => ({
  run,
  state: 'failed',
  source: '',
  model: '',
  simulated: false,
  startedAt: '',
  endedAt: null,
  activeMs: 0,
  pictures: 0,
  listing: false,
  picturesComplete: 0,
  answered: 0,
  failed: 0,
  questions: 0,
  prompts: [],
  inputTokens: 0,
  outputTokens: 0,
  recalled: 0,
  problem,
});

/** What a run's page shows beyond its record and its workflow's word. */
export interface About {
  /** All minutes of the run so far, oldest first. */
  minutes: MinuteLine[];
  actions: Action[];
  webUi: string | null;
}

/** Pure: a run as its page shows it. */
export function detailOf(seen: SeenRun, about: About, now: number): RunDetail {
  const { recorded, live } = seen;
  const { plan } = recorded;
  const progress = live?.progress ?? recorded.progress;
  const view = live === null ? null : liveView(live, now);
  const counts = summaryNow(seen, now).counts ?? noCounts();
  const { requestsPerMinute, tokensPerMinute, from } = progress?.limits ?? { ...plan.limits, from: 'start' };
  return {
    ...rowOf(seen, now),
    workflowId: plan.workflowId,
    fresh: live !== null,
    unreadable: seen.unreadable ?? null,
    updatedAt: progress?.updatedAt ?? null,
    detail: plan.detail,
    route: plan.route,
    routeReason: plan.routeReason,
    batchSize: plan.batchSize,
    concurrency: plan.concurrency,
    instructions: plan.instructions,
    questionsAsked: plan.prompts,
    include: plan.include,
    exclude: plan.exclude,
    limit: plan.limit,
    skipped: progress?.skipped ?? 0,
    limits: { requestsPerMinute, tokensPerMinute, from },
    lastMinute: view?.lastMinute ?? null,
    callsUnderWay: view?.callsUnderWay ?? null,
    waiting: view?.waiting ?? null,
    remainingMs: view?.remainingMs ?? null,
    rateLimited: counts.rateLimited,
    fallbacks: counts.fallbacks,
    possiblyPaid: counts.possiblyPaid,
    cachedTokens: counts.cachedTokens,
    block: progress?.block ?? null,
    warnings: progress?.warnings ?? [],
    minutes: about.minutes,
    errors: Object.entries(counts.failures)
      .map(([kind, questions]) => ({ kind: kind as FailureKind, questions }))
      .sort((a, b) => b.questions - a.questions || a.kind.localeCompare(b.kind)),
    recentFailures: live === null ? (progress?.recentFailures ?? []) : failuresSeen(live),
    actions: about.actions,
    webUi: about.webUi,
  };
}
