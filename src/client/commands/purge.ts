import { printableJson, redact } from '../../shared/redact.ts';
import { ageMs } from '../age.ts';
import { type Deps, EXIT, UsageError } from '../deps.ts';
import { planOlder, purgeOlder } from '../purge/older.ts';
import { pictureUri, planPicture, purgePicture } from '../purge/picture.ts';
import { elsewhere, olderDone, olderLines, pictureDone, pictureLines } from '../purge/render.ts';
import { createServers, type Servers } from '../purge/servers.ts';

export interface PurgeFlags {
  olderThan?: string;
  picture?: string;
  yes?: boolean;
  results?: string;
  json?: boolean;
}

/**
 * `purge --older-than AGE` and `purge --picture URI`: removes for good. Tells first what it would remove, and does it
 * when a person at the terminal agrees or `--yes` says so. Exit status 3 where something could not be reached.
 */
export async function purgeCommand(deps: Deps, flags: PurgeFlags): Promise<number> {
  const { olderThan, picture } = flags;
  if ((olderThan === undefined) === (picture === undefined)) {
    throw new UsageError(
      'purge takes one of two: --older-than with an age (30d), or --picture with the address of one picture.',
    );
  }
  const servers = createServers(deps, (line) => say(deps, line));
  try {
    if (olderThan !== undefined) return await purgeByAge(deps, servers, flags, olderThan);
    return await purgeOne(deps, servers, flags, pictureUri(picture ?? ''));
  } finally {
    await servers.close();
  }
}

async function purgeOne(deps: Deps, servers: Servers, flags: PurgeFlags, uri: string): Promise<number> {
  const plan = await planPicture(deps, servers, uri, flags.results);
  const about = {
    picture: uri,
    runs: plan.runs.map(({ recorded, why }) => ({ run: recorded.run, unreached: why })),
    answers: plan.answers.map(({ cache, keys }) => ({ place: cache.place, keys: keys.length })),
  };
  tell(deps, flags, { event: 'plan', ...about }, pictureLines(plan));
  await agree(deps, flags);
  const outcome = await purgePicture(deps, servers, plan, (line) => say(deps, line));
  const remains = [...outcome.remains, ...elsewhere(plan)];
  tell(deps, flags, { event: 'end', ...about, ...outcome, remains }, pictureDone(plan, outcome));
  return outcome.unfinished.length > 0 ? EXIT.incomplete : EXIT.ok;
}

async function purgeByAge(deps: Deps, servers: Servers, flags: PurgeFlags, age: string): Promise<number> {
  const plan = await planOlder(deps, servers, ageMs(age), flags.results);
  const about = {
    olderThan: age,
    runs: plan.runs.map(({ run }) => run),
    kept: plan.kept,
    unreached: plan.unreached,
    answers: plan.answers.map(({ cache, entries, bytes }) => ({ place: cache.place, entries, bytes })),
    executions: plan.executions.map(({ server, executions }) => ({
      server: server.label,
      executions: executions.length,
    })),
  };
  tell(deps, flags, { event: 'plan', ...about }, olderLines(plan, age));
  const nothing =
    plan.runs.length === 0 &&
    plan.answers.every(({ entries }) => entries === 0) &&
    plan.executions.every(({ executions }) => executions.length === 0);
  if (nothing) {
    tell(deps, flags, { event: 'end', removed: null }, ['', 'There is nothing to remove.']);
    return EXIT.ok;
  }
  await agree(deps, flags);
  const outcome = await purgeOlder(deps, plan, (line) => say(deps, line));
  tell(deps, flags, { event: 'end', removed: outcome }, olderDone(outcome));
  return outcome.unfinished.length > 0 ? EXIT.incomplete : EXIT.ok;
}

/** Beside the outcome, which other programs may read. */
const say = (deps: Deps, line: string): void => void deps.terminal.err.write(`${line}\n`);

/** Longest line that is printed. */
const LINE = 2000;

/** Throws a {@link UsageError} unless a person agrees, here or by `--yes`. */
async function agree(deps: Deps, { yes, json }: PurgeFlags): Promise<void> {
  if (yes === true) return;
  if (json === true || deps.confirm === undefined) {
    throw new UsageError('Nothing was removed: nobody can be asked here. Add --yes to remove it.');
  }
  if (!(await deps.confirm('Remove it for good?'))) throw new UsageError('Nothing was removed.');
}

function tell(deps: Deps, { json }: PurgeFlags, event: object, lines: readonly string[]): void {
  const print = (line: string): void => void deps.terminal.out.write(`${line}\n`);
  if (json === true) print(printableJson(JSON.stringify(event)));
  // Pictures' names are theirs who made them: nothing in them is for the terminal.
  else for (const line of lines) print(redact(line, [], LINE));
}
