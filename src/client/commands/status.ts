import { printableJson } from '../../shared/redact.ts';
import { isEnd } from '../../shared/run-state.ts';
import { liveView } from '../live-view.ts';
import { configOf, lookAtRun, summaryNow } from '../look-at-run.ts';
import { EXIT, type Deps } from '../deps.ts';
import { engineTrouble } from '../engine/open-engine.ts';
import { findRun } from '../find-run.ts';
import { lineOf, nextSteps } from '../next-steps.ts';
import { labelled } from '../render/format.ts';
import { plainLine } from '../render/live.ts';
import { honestState, summaryLines } from '../render/summary.ts';

/** `status [RUN]`: how a run stands, with or without a worker. */
export async function statusCommand(
  deps: Deps,
  name: string | undefined,
  flags: { json?: boolean; results?: string },
): Promise<number> {
  const recorded = await findRun(deps, name, flags.results);
  const config = configOf(deps, recorded);
  const trouble = config.address === null ? await engineTrouble(config.dataDir) : null;
  const now = await lookAtRun(deps, recorded);
  const summary = summaryNow(now, deps.now());
  const view = now.live === null ? null : liveView(now.live, deps.now());
  const print = (line: string): void => void deps.terminal.out.write(`${line}\n`);
  if (flags.json === true) {
    const questions = summary.images * summary.prompts.length;
    const state = honestState(summary.state, summary.counts, questions);
    print(
      printableJson(
        JSON.stringify({
          ...summary,
          state,
          live: view,
          updatedAt: recorded.progress?.updatedAt ?? null,
          engineWaits: trouble,
        }),
      ),
    );
    return EXIT.ok;
  }
  summaryLines(summary, deps.terminal.columns()).forEach(print);
  if (view !== null && !isEnd(view.state)) print(plainLine(view));
  const block = (now.live?.progress ?? recorded.progress)?.block ?? null;
  if (block !== null) {
    const width = deps.terminal.columns();
    [...labelled('BLOCKED', block.reason, width), ...labelled('', block.remedy, width)].forEach(print);
  }
  if (trouble !== null) labelled('WAITS', trouble, deps.terminal.columns()).forEach(print);
  else if (now.silent !== null)
    labelled('UNSURE', `The server did not tell: ${now.silent}`, deps.terminal.columns()).forEach(print);
  const { images, prompts, counts } = summary;
  const state = honestState(summary.state, counts, images * prompts.length);
  nextSteps({ ...summary, state }, lineOf(deps, recorded.run, recorded.place)).forEach(print);
  return EXIT.ok;
}
