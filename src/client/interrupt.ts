/** A person's wish to stop: the first is a request, the second an end. */
export interface Interrupt {
  /** Aborted at the first signal. */
  signal: AbortSignal;
  dispose(): void;
}

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** Takes Ctrl-C, SIGTERM and a closed terminal; a second one calls `atOnce`. */
export function onInterrupt(atOnce: () => void): Interrupt {
  const controller = new AbortController();
  const handle = (): void => {
    if (controller.signal.aborted) return atOnce();
    controller.abort();
  };
  for (const name of SIGNALS) process.on(name, handle);
  return {
    signal: controller.signal,
    dispose() {
      for (const name of SIGNALS) process.off(name, handle);
    },
  };
}
