/** Where calls enter that go beside others or alone. */
export interface Turnstile {
  /**
   * Waits until the call may go: beside others, while none is alone inside; alone, when nobody is inside. First come
   * first served, so that neither kind waits for ever. `mustWait` is called when it cannot go at once. Resolves with
   * what says that the call has ended (a second time does nothing); rejects with the reason of `signal`.
   */
  enter(alone: boolean, signal: AbortSignal, mustWait: () => void): Promise<() => void>;
}

interface Waiter {
  alone: boolean;
  admit(): void;
}

export function createTurnstile(): Turnstile {
  const queue: Waiter[] = [];
  let inside = 0;
  let oneIsAlone = false;

  const fits = (alone: boolean): boolean => (alone ? inside === 0 : !oneIsAlone);

  function admitWaiting(): void {
    for (let first = queue[0]; first !== undefined && fits(first.alone); first = queue[0]) {
      queue.shift();
      first.admit();
    }
  }

  function goIn(alone: boolean): () => void {
    inside += 1;
    oneIsAlone = alone;
    let left = false;
    return () => {
      if (left) return;
      left = true;
      inside -= 1;
      oneIsAlone = false;
      admitWaiting();
    };
  }

  return {
    async enter(alone, signal, mustWait) {
      signal.throwIfAborted();
      if (queue.length === 0 && fits(alone)) return goIn(alone);
      mustWait();
      return new Promise((resolve, reject) => {
        const giveUp = (): void => {
          queue.splice(queue.indexOf(waiter), 1);
          reject(signal.reason as Error);
          admitWaiting();
        };
        const waiter: Waiter = {
          alone,
          admit() {
            signal.removeEventListener('abort', giveUp);
            resolve(goIn(alone));
          },
        };
        signal.addEventListener('abort', giveUp, { once: true });
        queue.push(waiter);
      });
    },
  };
}
