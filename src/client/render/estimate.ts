import type { Estimate } from '../../shared/single.ts';
import { count, duration } from './format.ts';
import { table } from './table.ts';

/** What a run would cost in calls, tokens and time. */
export function estimateLines(estimate: Estimate, width: number): string[] {
  const { tokens, limits } = estimate;
  const perCall = estimate.calls === 0 ? 0 : tokens.total / estimate.calls;
  const rows: [string, string][] = [
    [
      'Pictures',
      `${count(estimate.images)}${estimate.skipped > 0 ? ` (${count(estimate.skipped)} skipped)` : ''}`,
    ],
    ['Questions', count(estimate.prompts)],
    ['Calls', count(estimate.calls)],
    ['Tokens of pictures', count(tokens.image)],
    ['Tokens of texts', count(tokens.text)],
    ['Tokens of answers, at most', count(tokens.output)],
    ['Tokens in all', `${count(tokens.total)} (${count(perCall)} a call)`],
    [
      'Limits',
      `${count(limits.requestsPerMinute)} requests and ${count(limits.tokensPerMinute)} tokens a minute`,
    ],
    ['Shortest possible time', `${duration(estimate.shortestMs)}, bound by ${estimate.bound}`],
  ];
  return [
    `Dry run of ${estimate.source}: nothing is asked.`,
    `Model ${estimate.model}, detail ${estimate.detail}, pictures by ${estimate.route === 'url' ? 'signed URL' : 'base64'}.`,
    ...table([{ title: 'What' }, { title: 'How much', shrinks: true }], rows, width),
  ];
}
