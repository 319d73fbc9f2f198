/** Hands over the newest value to one who takes it when they are ready; what came in between is forgotten. */
export interface Latest<T> {
  put(value: T): void;
  /** The newest value that was not handed over yet; `null` when none comes in `ms`, or the signal is aborted. */
  next(ms: number, signal: AbortSignal): Promise<T | null>;
}

export function createLatest<T>(): Latest<T> {
  let held: { value: T } | null = null;
  let wake = (): void => undefined;
  return {
    put(value) {
      held = { value };
      wake();
    },
    async next(ms, signal) {
      if (held === null && !signal.aborted) {
        await new Promise<void>((resolve) => {
          const timer = setTimeout(resolve, ms);
          timer.unref();
          wake = () => {
            clearTimeout(timer);
            signal.removeEventListener('abort', wake);
            resolve();
          };
          signal.addEventListener('abort', wake, { once: true });
        });
      }
      const taken = held;
      held = null;
      return signal.aborted ? null : (taken?.value ?? null);
    },
  };
}
