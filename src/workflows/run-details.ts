import { inWords, plural } from '../shared/phrases.ts';
import type { PlanSummary, Progress } from '../shared/types.ts';

/** The run's state as Markdown, for the Temporal Web UI's current details. */
export function runDetails(plan: PlanSummary, progress: Progress): string {
  const { counts, block } = progress;
  const questions = progress.images * progress.promptsPerImage;
  const lines = [
    plan.simulated ? '**SIMULATED** - no model looked at these pictures.' : '',
    headline(progress),
    ...plan.warnings,
    plan.page === undefined ? '' : `[Pictures and answers](${plan.page})`,
    block ? `Why: ${block.reason} What to do: ${block.remedy}` : '',
    block?.nextProbeAt ? `One call is tried at ${block.nextProbeAt}; \`resume\` tries at once.` : '',
    [
      '| | |',
      '|---|---|',
      `| Pictures | ${counts.images} of ${progress.images}${progress.listed ? '' : ' and more'} |`,
      `| Answers | ${counts.answered} of ${questions}, ${counts.failed} failed |`,
      `| Batches | ${progress.batchesDone} of ${progress.batches} |`,
      `| Tokens counted | ${counts.charged.toLocaleString('en')} |`,
      `| 429s, fallbacks to base64 | ${counts.rateLimited}, ${counts.fallbacks} |`,
      `| Results | ${plan.results.replaceAll('|', '\\|')} |`,
    ].join('\n'),
    progress.prompts.map(({ id, name }) => `- ${name}: ${counts.matches[id] ?? 0} matched`).join('\n'),
  ];
  return lines.filter((line) => line !== '').join('\n\n');
}

function headline(progress: Progress): string {
  switch (progress.state) {
    case 'complete':
      return '**Complete**: every question is answered.';
    case 'incomplete':
      return `**Finished with ${plural(progress.counts.failed, 'answer')} missing.**`;
    case 'cancelled':
      return '**Cancelled.** What was answered is in the results.';
    case 'paused':
      return '**Paused.** `resume` goes on.';
    case 'failed':
      return '**Failed.** What was answered is in the results.';
    case 'blocked':
      return '**Blocked.** Nothing is asked until the cause is gone.';
    case 'planning':
    case 'running':
      return `**Running**${left(progress)}`;
  }
}

/** With the time of the estimate: details are written anew when a picture is done, and read at any time. */
const left = ({ remainingMs, updatedAt }: Progress): string =>
  remainingMs === null ? '' : `, ${inWords(remainingMs)} left at ${updatedAt.slice(11, 19)} UTC`;
