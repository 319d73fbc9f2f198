/** What a workflow's execution ended with, as its span says. `continued`: as a new execution. */
export type WorkflowOutcome = 'completed' | 'failed' | 'cancelled' | 'continued';

/** What the workflows' sandbox tells the worker for traces. A type, not an interface: Temporal asks for an index signature. */
export type TracingSinks = {
  tracing: {
    ended(outcome: WorkflowOutcome): void;
  };
};
