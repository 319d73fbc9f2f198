import { redact } from '../shared/redact.ts';
import type { Server } from './connection.ts';
import type { Deps } from './deps.ts';
import type { Display } from './display.ts';
import { failuresSeen, liveView, type Snapshot } from './live-view.ts';
import { planWaitsFor, workersPoll } from './observe.ts';

/** After so long without a sign of life it is looked whether a worker is there at all. */
const SILENCE_MS = 5000;

/** Shows a snapshot, each warning of the plan, each failure and each block once. */
export function createShow(deps: Deps, display: Display): (seen: Snapshot) => void {
  const told = new Set<string>();
  let blockedSince: string | null = null;
  return (seen) => {
    const view = liveView(seen, deps.now());
    for (const warning of seen.progress.warnings) {
      if (!told.has(warning)) display.say(redact(warning, [], 1000));
      told.add(warning);
    }
    for (const line of failuresSeen(seen)) {
      const id = `${line.image} ${line.kind} ${line.message}`;
      if (!told.has(id)) display.failure(line);
      told.add(id);
    }
    if (view.block !== null && view.block.since !== blockedSince) display.blocked(view.block);
    blockedSince = view.block?.since ?? null;
    display.update(view);
  };
}

/** A plan takes seconds; after so long it is told what it waits for. */
const PLAN_MS = 20_000;

/** Shows that a run is being planned as long as nothing of it can be seen. */
export function createPlanning(
  deps: Deps,
  server: Server,
  display: Display,
  workflowId: string,
): (seen: Snapshot | null) => Promise<void> {
  const start = deps.now();
  return async (seen) => {
    if (seen !== null) return;
    const ms = deps.now() - start;
    const late = ms >= PLAN_MS;
    const waitsFor = late ? await planWaitsFor(server.client, server.namespace, workflowId) : null;
    display.planning({ ms, waitsFor });
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
