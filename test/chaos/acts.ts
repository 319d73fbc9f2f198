import { setTimeout as sleep } from 'node:timers/promises';
import { type Arbitrary, type AsyncCommand, constant, constantFrom, nat, record } from 'fast-check';
import { WorkflowNotFoundError, WorkflowUpdateFailedError } from '@temporalio/client';
import type { Outage } from './check.ts';
import { startCommand } from './processes.ts';
import { within } from './within.ts';
import type { World } from './world.ts';

/** A run among its processes, and what was done to them. */
export interface Stage {
  world: World;
  outages: Outage[];
  say: (line: string) => void;
}

/** The model knows nothing: what an act meets depends on how far the run is. What must hold is checked at the end. */
export type Act = AsyncCommand<Record<string, never>, Stage>;

/** A cancelled run closes within 15 seconds; so much more is the busy machine's. */
const CANCEL_MS = 20_000;
/** No call is made two seconds after a cancel; the rest is the busy machine's. */
const NO_CALL_MS = 6_000;
/** So long after a kill the workflows are with live workers again. */
const RECOVERED_MS = 30_000;
/** What an act may destroy is over then: a call that is open goes on for ten seconds. */
const AFTER_MS = 12_000;

/** Everything that a person, an operator or the weather does to a run. */
export function acts(): Arbitrary<Act>[] {
  const point = constantFrom('FirstWorkflowTask', 'LastWorkflowTask', 'middle');
  return [
    nat(1_999).map((ms) => act(`wait ${ms} ms`, () => sleep(ms))),
    nat(1).map((which) =>
      act(`kill worker ${which}`, async (stage) => {
        await struck(stage, 'worker', () => stage.world.workers.kill(which));
        stage.world.workers.start();
      }),
    ),
    constant(
      act('kill the server', async (stage) => {
        await struck(stage, 'server', async () => {
          await stage.world.server.kill();
          await stage.world.server.start();
        });
      }),
    ),
    constant(act('pause', ({ world }) => tell(world, 'pause'))),
    constant(act('resume', goOn)),
    constant(act('cancel', cancel)),
    constant(
      act('terminate', async (stage) => {
        await struck(
          stage,
          'terminate',
          () => ended(stage.world.client.workflow.getHandle(stage.world.workflowId).terminate('by hand')),
          AFTER_MS,
        );
      }),
    ),
    record({ point, at: nat(99) }).map(({ point, at }) =>
      act(`reset the run to ${point} ${at}`, (stage) => reset(stage, stage.world.workflowId, point, at)),
    ),
    record({ point, at: nat(99), batch: nat(2) }).map(({ point, at, batch }) =>
      act(`reset batch ${batch + 1} to ${point} ${at}`, (stage) =>
        reset(stage, `${stage.world.workflowId}-batch-${batch + 1}`, point, at),
      ),
    ),
    constantFrom('240', '600', '3000').map((rpm) =>
      act(`limit ${rpm}`, async ({ world }) => {
        await startCommand(world.folder, ['limits', '--rpm', rpm], world.settings).ended;
      }),
    ),
    constant(act('add a picture', ({ world }) => world.addPicture())),
    constant(act('retry what failed', ({ world }) => tell(world, 'retryFailed'))),
  ];
}

function act(name: string, run: (stage: Stage) => Promise<void>): Act {
  return {
    check: () => true,
    async run(_, stage) {
      stage.say(`    ${name}`);
      await run(stage);
    },
    toString: () => name,
  };
}

async function struck(
  { outages }: Stage,
  what: string,
  strike: () => Promise<unknown>,
  afterMs = 0,
): Promise<void> {
  const from = Date.now();
  await strike();
  outages.push({ what, from, until: Date.now() + afterMs });
}

/** An update of a run that is under way; an ended one refuses it. */
async function tell({ client, workflowId }: World, update: string): Promise<void> {
  const handle = client.workflow.getHandle(workflowId);
  await ended(client.withDeadline(Date.now() + 20_000, () => handle.executeUpdate(update)));
}

/** An act on a run that has ended meanwhile is none, and so is one that the run refuses. */
async function ended(act: Promise<unknown>): Promise<void> {
  try {
    await act;
  } catch (error) {
    if (error instanceof WorkflowNotFoundError || error instanceof WorkflowUpdateFailedError) return;
    throw error;
  }
}

/** By update while it is under way, by a new start when it has ended. */
export async function goOn({ world }: Stage): Promise<void> {
  if ((await world.state()) === 'RUNNING') await tell(world, 'resume');
  else await world.resumeEnded();
}

async function cancel(stage: Stage): Promise<void> {
  const { world } = stage;
  if ((await world.state()) !== 'RUNNING') return;
  const from = Date.now();
  await struck(
    stage,
    'cancel',
    () => ended(world.client.workflow.getHandle(world.workflowId).cancel()),
    AFTER_MS,
  );
  // A workflow whose worker was killed hears of a cancel only when the server gives its task to another.
  if (
    stage.outages.some(
      ({ what, until }) => ['worker', 'server'].includes(what) && until > from - RECOVERED_MS,
    )
  ) {
    await within(CANCEL_MS + RECOVERED_MS, async () => (await world.state()) !== 'RUNNING');
    return;
  }
  const closed = await within(CANCEL_MS, async () => (await world.state()) !== 'RUNNING');
  if (!closed) throw new Error(`cancelled, and open after ${Date.now() - from} ms`);
  const late = world.simulator.ledger.filter(({ at }) => at > from + NO_CALL_MS);
  if (late.length > 0) throw new Error(`${late.length} calls after ${NO_CALL_MS} ms of a cancel`);
}

/** As the plain CLI does it. A workflow that does not exist, or whose point is none, refuses it. */
async function reset(stage: Stage, workflowId: string, point: string, at: number): Promise<void> {
  const { world } = stage;
  let to = ['--type', point];
  if (point === 'middle') {
    const history = await world.client.workflow
      .getHandle(workflowId)
      .fetchHistory()
      .catch(() => null);
    const events = (history?.events ?? []).filter(
      (event) => event.workflowTaskCompletedEventAttributes != null,
    );
    const event = events[Math.floor((at / 100) * events.length)];
    if (event === undefined) return;
    to = ['--event-id', String(event.eventId)];
  }
  await struck(
    stage,
    'reset',
    () =>
      world
        .temporal('workflow', 'reset', '-w', workflowId, '--reason', 'by hand', ...to)
        .catch((error: unknown) => {
          stage.say(
            `      refused: ${
              String(error)
                .split('\n')
                .find((line) => line.startsWith('Error:')) ?? String(error)
            }`,
          );
        }),
    AFTER_MS,
  );
}
