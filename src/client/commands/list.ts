import { questionsOf } from '../../shared/counts.ts';
import { printableJson } from '../../shared/redact.ts';
import { EXIT, type Deps } from '../deps.ts';
import { runsOf } from '../find-run.ts';
import { lookAtRun, summaryNow } from '../look-at-run.ts';
import { count, of } from '../render/format.ts';
import { honestState } from '../render/summary.ts';
import { table } from '../render/table.ts';
import { hasEnded } from '../runs.ts';

/** `list`: every run of the results place, newest first. */
export async function listCommand(deps: Deps, flags: { json?: boolean; results?: string }): Promise<number> {
  const { runs, root } = runsOf(deps, flags.results);
  const print = (line: string): void => void deps.terminal.out.write(`${line}\n`);
  const rows: {
    run: string;
    createdAt: string;
    state: string;
    simulated: boolean;
    pictures: string;
    answers: string;
    source: string;
  }[] = [];
  for (const name of await runs.names()) {
    const recorded = await runs.read(name);
    if (recorded === null) continue;
    const now = hasEnded(recorded) ? { recorded, live: null } : await lookAtRun(deps, recorded);
    const summary = summaryNow(now, deps.now());
    const questions = questionsOf(summary.images, summary.prompts.length, summary.counts);
    rows.push({
      run: name,
      createdAt: recorded.plan.createdAt,
      state: honestState(summary.state, summary.counts, questions),
      simulated: summary.simulated,
      pictures:
        summary.counts === null
          ? 'unknown'
          : of(summary.counts.images, summary.images === 0 && summary.listing ? null : summary.images),
      answers: summary.counts === null ? 'unknown' : count(summary.counts.answered),
      source: recorded.plan.source,
    });
  }
  rows.sort((a, b) => b.createdAt.localeCompare(a.createdAt));
  if (flags.json === true) {
    for (const row of rows) print(printableJson(JSON.stringify(row)));
    return EXIT.ok;
  }
  if (rows.length === 0) {
    print(`No run below ${root} yet.`);
    return EXIT.ok;
  }
  table(
    [
      { title: 'Run' },
      { title: 'State' },
      { title: 'Pictures', align: 'right' },
      { title: 'Answers', align: 'right', optional: true },
      { title: 'Source', shrinks: true, optional: true },
    ],
    rows.map((row) => [
      row.run,
      row.simulated ? `${row.state} (SIMULATED)` : row.state,
      row.pictures,
      row.answers,
      row.source,
    ]),
    deps.terminal.columns(),
  ).forEach(print);
  if (rows.some(({ state }) => state === 'interrupted')) {
    print('');
    print('Of an interrupted run the numbers are as last recorded; answers that came later are kept too.');
  }
  return EXIT.ok;
}
