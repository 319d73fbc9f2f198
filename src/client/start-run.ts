import { WorkflowExecutionAlreadyStartedError } from '@temporalio/client';
import type { Priority } from '@temporalio/common';
import { cutToBytes, SUMMARY_BYTES } from '../shared/cut.ts';
import { ANALYZE_IMAGES, runNameOf, workflowIdOf } from '../shared/names.ts';
import type { ResumeInput, RunInput } from '../shared/types.ts';
import type { Server } from './connection.ts';
import { UsageError } from './deps.ts';
import type { RecordedRun } from './runs.ts';

/** A run that was just started. */
export interface StartedRun {
  run: string;
  workflowId: string;
  /** The run's own folder or `gs://` place. */
  results: string;
}

export interface StartOptions {
  /** Says so where the Web UI shows the run. */
  simulated: boolean;
  /** Temporal's priority key, 1 (most urgent) to 5; `null` leaves it to the server, whose default is 3. */
  priority: number | null;
  now: number;
  /** Start of a command line of this program. */
  calledAs: string;
}

/**
 * Starts the workflow under the run's name. A name that is the time is moved on by a second where another run has it;
 * a name that a person gave and that is taken is a {@link UsageError}.
 */
export async function startRun(
  server: Server,
  input: RunInput & { results: string },
  { simulated, priority, now, calledAs }: StartOptions,
): Promise<StartedRun> {
  for (let attempt = 0; ; attempt++) {
    const run = input.name ?? runNameOf(new Date(now + attempt * 1000));
    const workflowId = workflowIdOf(run);
    try {
      await server.client.workflow.start(ANALYZE_IMAGES, {
        taskQueue: server.taskQueue,
        workflowId,
        workflowIdReusePolicy: 'REJECT_DUPLICATE',
        args: [{ ...input, name: run }],
        // The fairness key is the run's own: runs of the same priority take turns at the model.
        priority: { ...(priority === null ? {} : { priorityKey: priority }), fairnessKey: run },
        staticSummary: summaryOf(simulated, shortened(input.source)),
        staticDetails: details(input, simulated, priority),
      });
      return { run, workflowId, results: `${input.results}/${run}` };
    } catch (error) {
      if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
      if (input.name !== undefined || attempt > 60) {
        throw new UsageError(
          `A run named ${run} exists already on this server: choose another --name, or go on with it by ` +
            `\`${calledAs} resume ${run}\`.`,
        );
      }
    }
  }
}

/**
 * Starts a run that has ended, or that the server does not know, once more under its own workflow ID: the same plan,
 * and only what is missing. Returns false, and changes nothing, when somebody else has just done the same.
 *
 * @param earlier - The priority that the ended workflow had, where the server still knows it.
 */
export async function startAgain(
  server: Server,
  { run, root, place, plan }: RecordedRun,
  retry: Omit<ResumeInput, 'resumeOf' | 'results'>,
  earlier: Priority | undefined,
): Promise<boolean> {
  const input: ResumeInput = { resumeOf: run, results: root, ...retry };
  const { simulated } = plan.account;
  try {
    await server.client.workflow.start(ANALYZE_IMAGES, {
      taskQueue: server.taskQueue,
      workflowId: plan.workflowId,
      workflowIdReusePolicy: 'ALLOW_DUPLICATE',
      workflowIdConflictPolicy: 'FAIL',
      args: [input],
      priority: {
        // The server gives 0 and an empty text for what nobody chose.
        ...(earlier?.priorityKey ? { priorityKey: earlier.priorityKey } : {}),
        fairnessKey: earlier?.fairnessKey || run,
      },
      staticSummary: summaryOf(simulated, `resumed · ${shortened(plan.source)}`),
      staticDetails: [
        ...(simulated ? ['**SIMULATED**: no model looks at the pictures.', ''] : []),
        `- goes on with: \`${run}\`, planned at ${plan.createdAt}`,
        `- source: \`${plan.source.replaceAll('`', "'")}\``,
        `- model: ${plan.model}, detail ${plan.detail}`,
        `- questions: ${plan.prompts.map(({ name }) => name).join(', ')}`,
        `- results: \`${place}\``,
      ].join('\n'),
    });
    return true;
  } catch (error) {
    if (error instanceof WorkflowExecutionAlreadyStartedError) return false;
    throw error;
  }
}

const shortened = (text: string): string => (text.length > 150 ? `…${text.slice(-149)}` : text);

const summaryOf = (simulated: boolean, what: string): string =>
  cutToBytes(`${simulated ? 'SIMULATED · ' : ''}${what}`, SUMMARY_BYTES);

/** Markdown for the Web UI. */
function details(input: RunInput, simulated: boolean, priority: number | null): string {
  return [
    ...(simulated ? ['**SIMULATED**: no model looks at the pictures.', ''] : []),
    `- source: \`${input.source.replaceAll('`', "'")}\``,
    `- model: ${input.model ?? "the worker's"}, detail ${input.detail ?? "the worker's"}`,
    `- questions: ${input.prompts === undefined ? "the worker's prompts file" : input.prompts.prompts.map(({ name }) => name).join(', ')}`,
    ...(priority === null
      ? []
      : [`- started with priority ${priority} (1 is the most urgent, 3 the usual, 5 the least)`]),
    `- results: \`${input.results ?? "the worker's place"}\``,
  ].join('\n');
}
