import { files } from '../shared/names.ts';
import { plain } from '../shared/redact.ts';
import type { Plan } from '../shared/types.ts';
import type { Server } from './connection.ts';
import type { Deps } from './deps.ts';
import type { Display } from './display.ts';
import { liveView, type Snapshot } from './live-view.ts';
import { workersPoll } from './observe.ts';

/** After so long without a sign of life it is looked whether a worker is there at all. */
const SILENCE_MS = 5000;

/** Shows a snapshot, each failure and each block once. */
export function createShow(deps: Deps, display: Display): (seen: Snapshot) => void {
  const told = new Set<string>();
  let blockedSince: string | null = null;
  return (seen) => {
    const view = liveView(seen, deps.now());
    for (const line of view.failures) {
      const id = `${line.at} ${line.image} ${line.prompt}`;
      if (!told.has(id)) display.failure(line);
      told.add(id);
    }
    if (view.block !== null && view.block.since !== blockedSince) display.blocked(view.block);
    blockedSince = view.block?.since ?? null;
    display.update(view);
  };
}

/** Says once why a bucket's pictures go without URLs, as the plan found it. */
export function createWarning(
  deps: Deps,
  display: Display,
  results: string,
): (seen: Snapshot | null) => Promise<void> {
  let said = false;
  return async (seen) => {
    if (said || seen?.progress.source.startsWith('gs://') !== true) return;
    said = true;
    const text = await deps.openStore(results).read(files.run);
    const reason = text === null ? null : (JSON.parse(text) as Plan).routeReason;
    if (reason !== null) display.say(`Pictures go by base64: ${plain(reason, 1000)}`);
  };
}

/** Says once how to start a worker when nothing answers and none is there. */
export function createSilence(
  deps: Deps,
  server: Server,
  display: Display,
): (seen: Snapshot | null) => Promise<void> {
  let lastSign = deps.now();
  let said = false;
  return async (seen) => {
    if (seen?.fresh === true) lastSign = deps.now();
    if (said || server.engine !== null || deps.now() - lastSign < SILENCE_MS) return;
    if ((await workersPoll(server.client, server.namespace, server.taskQueue)) !== false) return;
    said = true;
    display.say(noWorker(deps, server));
  };
}

/** What a person reads when nobody works on a server of theirs. */
export const noWorker = (deps: Deps, server: Server): string =>
  `No worker polls the task queue ${server.taskQueue}; the run waits for one. Start it in another terminal: ` +
  `TEMPORAL_ADDRESS=${deps.config.address ?? '…'} OPENAI_API_KEY=… ${deps.calledAs} worker`;
