import { CancellationScope, condition } from '@temporalio/workflow';
import type { Block } from '../shared/types.ts';
import { blockOf, wasWithdrawn } from './failures.ts';

/**
 * The one place through which a workflow's calls go. Closed by a pause or a block, it holds new calls back and
 * withdraws those that no worker has begun; calls in flight end and count.
 */
export interface Gate {
  readonly closed: boolean;
  close(): void;
  open(): void;
  /** Lets one call through a closed gate, to see whether a block is gone. */
  probe(): void;
  /**
   * Runs an activity call, again after each block. `withdraw`: it may be called off while no worker has begun it.
   * `urgent`: it goes even while the gate is closed, until it is blocked itself (saving is not asking). Rejects with the call's failure, unless that failure is a block.
   */
  through<T>(call: () => Promise<T>, options?: ThroughOptions): Promise<T>;
}

export interface ThroughOptions {
  withdraw?: boolean;
  urgent?: boolean;
  /** Is told of each failure after which the call is made again: what it cost is in its details. */
  unfinished?: (err: unknown) => void;
}

export function createGate(
  closed: boolean,
  on: {
    /** A call was blocked; the gate is closed already. */
    blocked: (block: Block) => Promise<void>;
    /** The probe was not blocked. */
    cleared: () => Promise<void>;
  },
): Gate {
  const root = CancellationScope.current();
  let probes = 0;
  // Its calls are withdrawn with it, and a pause replaces it. Cancelling the run cancels it too: its parent is the root.
  let withdrawable = new CancellationScope({ cancellable: true, parent: root });

  const gate = {
    closed,
    close() {
      probes = 0;
      if (gate.closed) return;
      gate.closed = true;
      withdrawable.cancel();
      withdrawable = new CancellationScope({ cancellable: true, parent: root });
    },
    open() {
      gate.closed = false;
      probes = 0;
    },
    probe() {
      if (gate.closed) probes = 1;
    },
    async through<T>(
      call: () => Promise<T>,
      { withdraw = false, urgent = false, unfinished }: ThroughOptions = {},
    ): Promise<T> {
      for (let first = true; ; first = false) {
        // Asked again after waiting: one probe wakes all that wait, and goes to the first.
        while (gate.closed && probes === 0 && !(urgent && first)) {
          await condition(() => !gate.closed || probes > 0);
        }
        // An urgent call goes by itself and says nothing of what the others wait for.
        const probing = gate.closed && probes > 0 && !(urgent && first);
        if (probing) probes = 0;
        try {
          const result = await (withdraw ? withdrawable.run(call) : call());
          if (probing) await on.cleared();
          return result;
        } catch (err) {
          const block = blockOf(err);
          if (block !== null) {
            unfinished?.(err);
            gate.close();
            await on.blocked(block);
            continue;
          }
          // Withdrawn by a pause, unless it is the run itself that was cancelled.
          if (withdraw && wasWithdrawn(err) && !root.consideredCancelled) {
            unfinished?.(err);
            continue;
          }
          if (probing) await on.cleared();
          throw err;
        }
      }
    },
  };
  return gate;
}
