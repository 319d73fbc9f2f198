import { type Client, WorkflowNotFoundError } from '@temporalio/client';
import { limitsStoredIn, sameLimits } from '../shared/limits.ts';
import { limitsWorkflowIdOf } from '../shared/names.ts';
import type { LimitSettings } from '../shared/types.ts';

/** With the server's answer, a change is felt well within five seconds. */
const EVERY_MS = 2_000;

/** A server that takes longer is asked again at the next look. */
const LOOK_MS = 2_000;

/**
 * Follows what is stored at the account, which comes before the worker's own setting. Looks once before it resolves,
 * so that the first call goes by the right limits where the server answers, and then again and again; calls `change` when what holds differs from before,
 * at first from `own`. Where nothing is stored, or somebody ended the workflow that holds it, `own` holds; where the
 * server does not answer, what was last known. Never rejects. Returns how to stop.
 */
export async function followStoredLimits(options: {
  client: Client;
  modelQueue: string;
  own: LimitSettings;
  change(settings: LimitSettings, storedAt: 'account' | 'worker'): void;
  everyMs?: number;
}): Promise<() => void> {
  const { client, own, change, everyMs = EVERY_MS } = options;
  const handle = client.workflow.getHandle(limitsWorkflowIdOf(options.modelQueue));
  let holds = own;
  let stopped = false;
  let timer: NodeJS.Timeout | undefined;

  const look = async (): Promise<void> => {
    let stored: LimitSettings | null;
    try {
      stored = limitsStoredIn(await client.withDeadline(Date.now() + LOOK_MS, () => handle.describe()));
    } catch (error) {
      if (!(error instanceof WorkflowNotFoundError)) return;
      stored = null;
    }
    const settings = stored ?? own;
    if (stopped || sameLimits(settings, holds)) return;
    holds = settings;
    change(settings, stored === null ? 'worker' : 'account');
  };
  const lookLater = (): void => {
    timer = setTimeout(() => {
      void look().finally(() => {
        if (!stopped) lookLater();
      });
    }, everyMs).unref();
  };

  await look();
  lookLater();
  return () => {
    stopped = true;
    clearTimeout(timer);
  };
}
