/** One metric as it stands on `/metrics`. A histogram has its samples at `NAME_bucket`, `NAME_sum` and `NAME_count`. */
export interface MetricName {
  name: string;
  type: 'counter' | 'gauge' | 'histogram';
  /** Of ours: all that it has. Of the SDK's: those that panels and rules may rely on. */
  labels: readonly string[];
  what: string;
}

/** Ours. Counters and histograms appear with their first sample, so a run without an error has no row for errors. */
export const OWN_METRICS = [
  {
    name: 'image_analysis_requests_total',
    type: 'counter',
    labels: ['model', 'outcome'],
    what: 'Requests to the model, by what came of them: `answered`, `rate_limited`, `timeout`, `refused`, `failed` or `aborted`.',
  },
  {
    name: 'image_analysis_tokens_total',
    type: 'counter',
    labels: ['model', 'kind'],
    what: "Tokens of the provider's bill, `input` or `output`.",
  },
  {
    name: 'image_analysis_answers_total',
    type: 'counter',
    labels: ['prompt', 'match'],
    what: 'Answers that the model gave to a prompt, by its id, `true` or `false`.',
  },
  {
    name: 'image_analysis_recalled_answers_total',
    type: 'counter',
    labels: [],
    what: 'Answers found in the answer store in place of a request.',
  },
  {
    name: 'image_analysis_errors_total',
    type: 'counter',
    labels: ['kind'],
    what: 'Questions given up, by the kind of the error that is recorded in their place.',
  },
  {
    name: 'image_analysis_call_duration_seconds',
    type: 'histogram',
    labels: ['model'],
    what: 'Time from sending a request to the end of its answer or error.',
  },
  {
    name: 'image_analysis_allowance_wait_seconds',
    type: 'histogram',
    labels: [],
    what: 'Time that a question waited for its share of the limit, in the queue and in the worker.',
  },
  {
    name: 'image_analysis_limit_requests_per_minute',
    type: 'gauge',
    labels: [],
    what: 'Requests a minute that the account may make now.',
  },
  {
    name: 'image_analysis_limit_tokens_per_minute',
    type: 'gauge',
    labels: [],
    what: 'Tokens a minute that the account may use now.',
  },
  {
    name: 'image_analysis_outages_total',
    type: 'counter',
    labels: ['cause'],
    what: 'Activities that ended because something a person must mend blocks the run: `key`, `quota`, `permission`, `place` or `disk`. While it lasts each look adds one.',
  },
  {
    name: 'image_analysis_backlog',
    type: 'gauge',
    labels: ['queue'],
    what: 'Tasks that wait in a task queue, as the Temporal server estimates them every 15 s.',
  },
] as const satisfies readonly MetricName[];

/** The SDK's own on which panels and rules rely; its documentation has them all. */
export const SDK_METRICS = [
  {
    name: 'temporal_worker_task_slots_available',
    type: 'gauge',
    labels: ['namespace', 'task_queue', 'worker_type'],
    what: "Slots that could take a task; none is told for the model's calls, whose slots the limiter gives.",
  },
  {
    name: 'temporal_worker_task_slots_used',
    type: 'gauge',
    labels: ['namespace', 'task_queue', 'worker_type'],
    what: "Tasks that run now: on the model's queue, calls in flight.",
  },
  {
    name: 'temporal_num_pollers',
    type: 'gauge',
    labels: ['namespace', 'task_queue', 'poller_type'],
    what: 'Polls that are open at the server.',
  },
  {
    name: 'temporal_activity_execution_failed',
    type: 'counter',
    labels: ['namespace', 'task_queue', 'activity_type'],
    what: 'Attempts of activities that failed, those that are tried again included.',
  },
  {
    name: 'temporal_activity_execution_latency',
    type: 'histogram',
    labels: ['namespace', 'task_queue', 'activity_type'],
    what: 'Seconds that an attempt of an activity ran.',
  },
  {
    name: 'temporal_activity_schedule_to_start_latency',
    type: 'histogram',
    labels: ['namespace', 'task_queue'],
    what: "Seconds from an activity's scheduling to its start.",
  },
  {
    name: 'temporal_workflow_task_execution_latency',
    type: 'histogram',
    labels: ['namespace', 'task_queue', 'workflow_type'],
    what: 'Seconds that a workflow task took.',
  },
  {
    name: 'temporal_workflow_task_execution_failed',
    type: 'counter',
    labels: ['namespace', 'task_queue', 'workflow_type'],
    what: "Workflow tasks that failed: a fault of the program's, or history of another version.",
  },
  {
    name: 'temporal_request_failure',
    type: 'counter',
    labels: ['namespace', 'operation', 'status_code'],
    what: 'Requests to the Temporal server that failed.',
  },
] as const satisfies readonly MetricName[];

export type OwnMetric = (typeof OWN_METRICS)[number]['name'];
