import { WorkflowNotFoundError } from '@temporalio/client';
import type { Config } from '../config.ts';
import { checkOnly, flagsOf } from '../client/ask-again.ts';
import { retryFailed, tellRun } from '../client/control-run.ts';
import { UsageError, type Deps } from '../client/deps.ts';
import { messageOf } from '../client/errors.ts';
import { accountProblem, goOn, nothingLeft } from '../client/go-on.ts';
import { lineOf, type LineOf } from '../client/next-steps.ts';
import { refuseElsewhere } from '../client/same-server.ts';
import { hasEnded, type RecordedRun } from '../client/runs.ts';
import type { Retry } from '../shared/types.ts';
import type { Action, ActionDone, ActionName } from './api.ts';
import type { Live, Sight } from './live.ts';
import { PageProblem } from './problem.ts';
import { isEndShown, rowOf } from './run-view.ts';
import type { Servers } from './servers.ts';

/** What a person at the page does to a run. Starts no server and no worker. */
export interface Actions {
  /** What may be done now, and where it may not, why and by which command line. */
  possible(sight: Sight): Action[];
  /** Command lines about a run. */
  lineFor(recorded: RecordedRun): LineOf;
  /** Throws a {@link PageProblem} of status 409, with the command line that does it, where it may not be done here. */
  act(run: string, name: ActionName, retry: Retry): Promise<ActionDone>;
}

export interface ActionOptions {
  live: Live;
  servers: Servers;
  configOf(recorded: RecordedRun): Config;
  deps: Pick<Deps, 'config' | 'calledAs' | 'addressFlag' | 'openStore'>;
  now(): number;
}

export const ACTIONS: readonly ActionName[] = ['pause', 'resume', 'cancel', 'retry'];

/** A person waits no longer at a button; the run tells the rest itself. */
const LOOK_MS = 5_000;

export function createActions({ live, servers, configOf, deps, now }: ActionOptions): Actions {
  const lineFor = ({ run, place }: RecordedRun): LineOf => lineOf(deps, run, place);

  const possible = (sight: Sight): Action[] => {
    const other = accountProblem(configOf(sight.recorded), sight.recorded);
    const line = lineFor(sight.recorded);
    return ACTIONS.map((name) => {
      const why = whyNot(name, sight, other, now());
      return { name, possible: why === '', why, command: line(name === 'retry' ? 'retry-failed' : name) };
    });
  };

  return {
    possible,
    lineFor,
    async act(run, name, retry) {
      const sight = await live.look(run);
      if (sight === null) throw new PageProblem(404, `There is no run ${JSON.stringify(run)}.`);
      const { recorded } = sight;
      const line = lineFor(recorded);
      const command = name === 'retry' ? line('retry-failed', flagsOf(retry)) : line(name);
      const refuse = (why: string): PageProblem => new PageProblem(409, why, command);
      const action = possible(sight).find((one) => one.name === name);
      if (action?.possible !== true) throw refuse(action?.why ?? '');
      const reached = await servers.reach(configOf(recorded));
      if (reached === null) throw refuse(NO_SERVER);
      if (name === 'retry') await checkOnly(deps.openStore(recorded.place), recorded, retry);
      const { client } = reached.server;
      const { workflowId } = recorded.plan;
      try {
        const ends = isEndShown(rowOf(sight, now()).state);
        if (sight.standing === 'running' && !ends) {
          if (name === 'retry') return { said: await retryFailed(client, workflowId, retry, LOOK_MS) };
          if (name === 'cancel') {
            await client.workflow.getHandle(workflowId).cancel();
            return { said: 'Cancelling: calls under way have 10 s to end. Every answer so far is kept.' };
          }
          await tellRun(client, workflowId, name);
          return {
            said:
              name === 'pause' ? 'Pausing: calls in flight end and are recorded first.' : 'The run goes on.',
          };
        }
        const { said } = await goOn(reached.server, recorded, {
          retry: name === 'retry' ? retry : {},
          asksAgain: name === 'retry',
          serverIsGone: false,
          mayStart: () => refuseElsewhere(reached.server, recorded, line('resume', ' --server-is-gone')),
          line,
        });
        return { said: said ?? 'The run goes on: what is missing is asked.' };
      } catch (error) {
        if (error instanceof WorkflowNotFoundError) throw refuse('The run has just ended.');
        const why = messageOf(error);
        throw refuse(error instanceof UsageError ? why : `The run's server did not do it: ${why}`);
      } finally {
        live.changed(run);
      }
    },
  };
}

const NO_SERVER = 'No Temporal server answers for this run now, and the page starts none.';
const NO_WORKER = 'No worker is there to do it, and the page starts none.';

/**
 * Pure: why the page cannot do it now; empty when it can. What would change nothing is not possible either.
 *
 * @param otherAccount - Why the run cannot be started again with these settings.
 */
export function whyNot(name: ActionName, sight: Sight, otherAccount: string | null, now: number): string {
  const { recorded, standing, worker, elsewhere, unreadable } = sight;
  const row = rowOf(sight, now);
  const missing = row.questions - row.answered;
  const isOver = standing !== 'running' && (standing !== 'unreachable' || hasEnded(recorded));
  const ends = name === 'pause' || name === 'cancel';
  if (ends && isOver) return isEndShown(row.state) ? `The run is ${row.state}.` : 'The run is not under way.';
  if (name === 'pause' && row.state === 'paused') return 'The run is paused already.';
  if (name === 'resume' && ['running', 'planning'].includes(row.state)) return 'The run is under way.';
  if (!ends && row.state === 'complete') return 'Every question is answered.';
  if (name === 'retry' && row.failed === 0 && !isOver) return 'No question has failed so far.';
  if (name === 'retry' && isOver && missing === 0) return 'Every question is answered.';
  if (name === 'resume' && isOver && nothingLeft(recorded, {})) {
    return 'Only answers that the model declined are missing; asking again asks those, too, when you choose so.';
  }
  // To cancel it nothing of it has to be read.
  if (unreadable !== null && name !== 'cancel') return unreadable;
  if (standing === 'unreachable') return NO_SERVER;
  if (worker !== true) return NO_WORKER;
  if (standing !== 'running' && elsewhere !== null) return `The run belongs to another server: ${elsewhere}.`;
  if (standing !== 'running' && otherAccount !== null) return otherAccount;
  return '';
}
