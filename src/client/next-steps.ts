import { questionsOf } from '../shared/counts.ts';
import { plural } from '../shared/phrases.ts';
import type { Counts } from '../shared/types.ts';
import type { Deps } from './deps.ts';
import { quoted } from './quoted.ts';
import type { Summary } from './render/summary.ts';

/** Command lines about one run, as a person types them where this command was typed. */
export type LineOf = (command: string, flags?: string) => string;

/** Lines for a run at a place. They name its results place and server where the settings name others. */
export function lineOf(
  deps: Pick<Deps, 'config' | 'calledAs' | 'addressFlag'>,
  run: string,
  place: string,
): LineOf {
  const root = place.slice(0, -(run.length + 1));
  const results = root === deps.config.results ? '' : ` --results ${quoted(root)}`;
  const address = deps.addressFlag === undefined ? '' : ` --address ${deps.addressFlag}`;
  // What reads results asks no server.
  return (command, flags = '') =>
    `${deps.calledAs} ${command} ${run}${flags}${results}${command === 'results' ? '' : address}`;
}

/** How many answers are missing, and of how many of them the model declined to give one. */
export function missingOf(summary: Pick<Summary, 'images' | 'prompts' | 'counts'>): {
  missing: number;
  refused: number;
} {
  const { answered, failures }: Pick<Counts, 'answered' | 'failures'> = summary.counts ?? {
    answered: 0,
    failures: {},
  };
  const questions = questionsOf(summary.images, summary.prompts.length, summary.counts);
  const missing = Math.max(0, questions - answered);
  return { missing, refused: Math.min(missing, failures['Refused'] ?? 0) };
}

/**
 * What a person can do about a run that has ended or stands still, one hint a line; nothing about a complete one.
 * `which`: also the line that tells the missing answers one by one.
 */
export function nextSteps(
  summary: Pick<Summary, 'state' | 'images' | 'prompts' | 'counts'>,
  line: LineOf,
  { which }: { which: boolean } = { which: true },
): string[] {
  switch (summary.state) {
    case 'complete':
    case 'planning':
    case 'running':
      return [];
    case 'paused':
    case 'interrupted':
    case 'cancelled':
    case 'failed':
      return [`Go on with: ${line('resume')}`];
    case 'blocked':
      return [`When that is mended, go on with: ${line('resume')}`];
    case 'incomplete': {
      const { missing, refused } = missingOf(summary);
      const others = missing - refused;
      return [
        ...(others > 0 ? [`Ask ${plural(others, 'answer')} again: ${line('resume')}`] : []),
        ...(refused > 0
          ? [
              `Ask ${others > 0 ? 'also ' : ''}the ${refused} that the model declined: ${line('resume', ' --refused')}`,
            ]
          : []),
        ...(which ? [`Which they are, and why: ${line('results', ' --missing')}`] : []),
      ];
    }
  }
}
