import { plural } from '../../shared/phrases.ts';
import { count } from '../render/format.ts';
import type { OlderOutcome, OlderPlan } from './older.ts';
import type { PictureOutcome, PicturePlan } from './picture.ts';

const bullet = (line: string): string => `- ${line}`;
const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`;
const answers = (n: number): string => `${count(n)} kept ${n === 1 ? 'answer' : 'answers'}`;

/** What is about to be removed, for a person who is to agree to it. */
export function pictureLines({ uri, runs, answers: stores }: PicturePlan): string[] {
  return [
    `Purging ${uri} removes:`,
    ...runs.map(({ recorded, found }) =>
      bullet(
        `its name, answers and descriptions in the results of run ${recorded.run}` +
          (found.every(({ name }) => name === null)
            ? ' (they were purged before: what may be left is looked for again)'
            : ''),
      ),
    ),
    ...runs
      .filter(({ server }) => server !== null)
      .map(({ recorded, found }) => {
        const batches = new Set(found.map(({ batch }) => batch)).size;
        return bullet(
          `the ended history of ${batches === 1 ? 'its batch' : `its ${batches} batches`} of run ${recorded.run} ` +
            'in Temporal, other pictures of the batch included; their results stay',
        );
      }),
    ...runs
      .filter(({ why }) => why !== null)
      .map(({ recorded, why }) =>
        bullet(`NOT the histories of run ${recorded.run} in Temporal, which cannot be reached: ${why ?? ''}`),
      ),
    ...stores
      .filter(({ keys }) => keys.length > 0)
      .map(({ cache, keys }) => bullet(`${answers(keys.length)} at most in ${cache.place}`)),
    bullet("this machine's cache of thumbnails"),
  ];
}

/** What was removed, and what is left to do and to look after. */
export function pictureDone(plan: PicturePlan, outcome: PictureOutcome): string[] {
  const { files, executions, thumbnails } = outcome;
  return [
    `Purged ${plan.uri}: ${plural(files.length, 'file')} written anew, ${answers(outcome.answers)} removed, ` +
      `${plural(executions, 'execution')} deleted in Temporal, ${plural(thumbnails, 'thumbnail')} cleared.`,
    ...(outcome.unfinished.length > 0 ? ['', 'NOT finished:', ...outcome.unfinished.map(bullet)] : []),
    '',
    'What this command does not reach, and may still hold it:',
    ...[...outcome.remains, ...elsewhere(plan)].map(bullet),
  ];
}

/** Where a picture may be beyond our reach. */
export const elsewhere = ({ uri }: Pick<PicturePlan, 'uri'>): string[] => [
  `the picture itself, ${uri}: a new run over its folder asks about it again, so delete it there`,
  'results in other places than this one, and folders of the same picture under another name',
  'exports and reports that were written, and what was sent to the address of --notify',
  'backups and versions of the results place, of the answer store and of the database of Temporal',
  'archived histories; deleted rows in the database file of the embedded server, until it writes over them',
  "the model's provider, for as long as its terms say",
  'logs, which name pictures; thumbnails on other machines, and the memory of pages and workers until they end',
  'answers kept by a version that recorded no addresses for a run whose folder is gone, or under another ANSWERS: ' +
    '`cache prune --older-than` removes the former by age',
];

/** What is about to be removed by age. */
export function olderLines(plan: OlderPlan, age: string): string[] {
  const { runs, kept, executions, unreached } = plan;
  return [
    `Purging what is older than ${age} removes:`,
    ...(runs.length === 0
      ? [bullet('no run')]
      : runs.map(({ run, place }) => bullet(`run ${run}, with all of ${place}`))),
    ...plan.answers.map(({ cache, entries, bytes }) =>
      bullet(
        `${answers(entries)} (${megabytes(bytes)}) in ${cache.place}, which later runs would pay for again`,
      ),
    ),
    ...executions.map((one) =>
      bullet(`${plural(one.executions.length, 'ended execution')} at ${one.server.label}`),
    ),
    ...unreached.map((why) => bullet(`NOT what Temporal holds, since no server can be asked: ${why}`)),
    ...(kept.length > 0 ? ['', 'It leaves alone:', ...kept.map(bullet)] : []),
  ];
}

export function olderDone(outcome: OlderOutcome): string[] {
  const { runs, executions, thumbnails, unfinished } = outcome;
  return [
    `Purged ${plural(runs.length, 'run')}, ${answers(outcome.answers)} and ${plural(executions, 'ended execution')}; ` +
      `${plural(thumbnails, 'thumbnail')} cleared.`,
    ...(unfinished.length > 0 ? ['', 'NOT finished:', ...unfinished.map(bullet)] : []),
    '',
    "Exports, backups, logs and the model's provider keep what they have: see docs/privacy.md.",
  ];
}
