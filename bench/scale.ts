import { costOf } from '../src/activities/cost.ts';
import { noCounts } from '../src/shared/counts.ts';
import type { Limits } from '../src/shared/types.ts';
import { measurePlace, measureSave } from './scale-save.ts';
import { measure, type ScaleFigures } from './scale-run.ts';

/** The mission's: prompts, pictures a batch, tokens that its account charges for a 1080p picture's question. */
const PROMPTS = 6;
const BATCH = 4;
const PAGE = 1_000;
const TOKENS_PER_CALL = 1_577;
/** Of these, what is billed as output: the rest is the picture and the question. */
const OUTPUT_TOKENS = 60;

const ACCOUNTS: { name: string; limits: Limits }[] = [
  { name: '28,000 TPM', limits: { requestsPerMinute: 480, tokensPerMinute: 28_000 } },
  { name: '2,000,000 TPM', limits: { requestsPerMinute: 5_000, tokensPerMinute: 2_000_000 } },
];
const SIZES = [339, 100_000, 10_000_000];

/** The server's word to continue as new comes after so many events or bytes (its defaults). */
const EVENTS_PER_EXECUTION = 4_096;
const BYTES_PER_EXECUTION = 4 * 2 ** 20;
/** Up to so many pictures a run's batches report picture by picture (`SMALL_RUN`). */
const SMALL_RUN = 1_000;
/** The parent saves after so many pictures or so long, whichever comes first. */
const SAVE_EVERY = { pictures: 10, seconds: 30 };
/** Temporal Cloud charges a tenth of an Action on top where fairness is on. */
const FAIRNESS = 1.1;
/** Pay as you go, Business plan: up to so many million Actions a month, dollars a million. The last: "contact sales". */
const TIERS: [number, number][] = [
  [5, 50],
  [10, 45],
  [20, 40],
  [50, 35],
  [100, 30],
  [Infinity, 25],
];
const RETAINED_GB_HOUR = 0.00105;

/** What one unit costs, all of it measured. */
interface Units {
  child: { events: number; bytes: number };
  parent: { perBatch: number; bytesPerBatch: number; perSave: number; bytesPerSave: number; perPage: number };
  /** Of a small run, whose saves ask running batches for their answers. */
  signalsPerPicture: number;
  queriesPerSave: number;
  activitiesPerBatch: number;
  heartbeatsPerCall: number;
  databasePerHistoryByte: number;
  filesPerPicture: Record<string, number>;
}

/**
 * `npm run bench:scale`: measures what a picture, a batch and a save cost in events, bytes and Actions, and extrapolates
 * to runs of 339, 100,000 and 10,000,000 pictures. Needs Linux and `npm run build`. Some three minutes.
 */
async function main(): Promise<void> {
  const small = await measure({ pictures: 40, latencyMs: 250, concurrency: 8 });
  show('40 pictures to the end', small);
  const double = await measure({ pictures: 80, latencyMs: 250, concurrency: 8 });
  show('80 pictures to the end', double);
  const large = await measure({ pictures: 1_200, latencyMs: 250, concurrency: 8, stopAfterBatches: 20 });
  show('the first 20 batches of 1,200 pictures', large);
  const slow = await measure({ pictures: 24, prompts: 2, latencyMs: 9_000, concurrency: 24 });
  show('24 pictures, two questions each of 9 s', slow);
  for (const pictures of [10_000, 100_000]) {
    const { reads, ms } = await measureSave(pictures);
    console.log(
      `\na save with ${pictures} pictures listed, 500 batches under way and none done: ${reads} reads, ${ms.toFixed(0)} ms in a folder`,
    );
  }
  for (const pictures of [100_000, 10_000_000]) {
    console.log(`place of the last batch of ${pictures}: ${measurePlace(pictures).toFixed(3)} ms`);
  }
  const units = unitsOf({ small, double, large, slow });
  console.log(`\nUnits\n${JSON.stringify(units, rounded, 2)}`);
  for (const { name, limits } of ACCOUNTS) {
    for (const pictures of SIZES) {
      console.log(`\n${pictures.toLocaleString('en')} pictures at ${name}`);
      for (const [what, value] of Object.entries(extrapolate(pictures, limits, units))) {
        console.log(`  ${what.padEnd(34)} ${value}`);
      }
    }
  }
}

function show(title: string, f: ScaleFigures): void {
  console.log(`\n${title}: ${f.calls} calls, ${f.batches} batches ended, ${f.seconds.toFixed(0)} s`);
  console.log(`  parent, events by cause   ${JSON.stringify(f.parent.events)}`);
  console.log(`  parent, bytes by cause    ${JSON.stringify(f.parent.bytes, rounded)}`);
  console.log(`  children, events          ${JSON.stringify(f.children.events)}`);
  console.log(`  children, bytes           ${JSON.stringify(f.children.bytes, rounded)}`);
  console.log(`  Actions by the server     ${JSON.stringify(f.actions)}`);
  console.log(`  database                  ${f.databaseBytes.before} to ${f.databaseBytes.after} bytes`);
  console.log(`  files                     ${JSON.stringify(f.files)}`);
}

const rounded = (_key: string, value: unknown): unknown =>
  typeof value === 'number' ? Math.round(value * 10) / 10 : value;

const total = (parts: Record<string, number>): number => Object.values(parts).reduce((sum, n) => sum + n, 0);

function unitsOf(f: Record<'small' | 'double' | 'large' | 'slow', ScaleFigures>): Units {
  const { small, double, large, slow } = f;
  const pictures = double.pictures - small.pictures;
  const history = (of: ScaleFigures): number => total(of.parent.bytes) + total(of.children.bytes);
  const of = (parts: Record<string, number>, ...names: string[]): number =>
    names.reduce((sum, name) => sum + (parts[name] ?? 0), 0);
  const activities = (of_: ScaleFigures): number => of_.children.counts['activityTaskScheduled'] ?? 0;
  const saves = (of_: ScaleFigures): number => of_.parent.counts['saveResults'] ?? 1;
  const heartbeats = slow.actions['grpc_RecordActivityTaskHeartbeat'] ?? 0;
  const kinds = ['shards', 'images', 'index', 'results.json'];
  return {
    child: {
      events: total(large.children.events) / large.batches,
      bytes: total(large.children.bytes) / large.batches,
    },
    parent: {
      perBatch: of(large.parent.events, 'child') / large.batches,
      bytesPerBatch: of(large.parent.bytes, 'child') / large.batches,
      perSave: of(large.parent.events, 'saveResults', 'timer') / saves(large),
      bytesPerSave: of(large.parent.bytes, 'saveResults', 'timer') / saves(large),
      perPage: of(small.parent.events, 'listImages', 'saveSegment'),
    },
    signalsPerPicture: (small.actions['command_SignalExternalWorkflowExecution'] ?? 0) / small.pictures,
    queriesPerSave: (double.actions['grpc_QueryWorkflow'] ?? 0) / saves(double),
    activitiesPerBatch: activities(large) / large.batches - BATCH * PROMPTS,
    heartbeatsPerCall: heartbeats / slow.calls,
    databasePerHistoryByte:
      (double.databaseBytes.after - small.databaseBytes.after) / (history(double) - history(small)),
    filesPerPicture: Object.fromEntries(
      kinds.map((kind) => [kind, ((double.files[kind] ?? 0) - (small.files[kind] ?? 0)) / pictures]),
    ),
  };
}

function extrapolate(pictures: number, limits: Limits, units: Units): Record<string, string> {
  const calls = pictures * PROMPTS;
  const callsPerMinute = Math.min(limits.requestsPerMinute, limits.tokensPerMinute / TOKENS_PER_CALL);
  const seconds = (calls / callsPerMinute) * 60;
  const batches = Math.ceil(pictures / BATCH);
  const pages = Math.ceil(pictures / PAGE);
  const isSmall = pictures <= SMALL_RUN;
  const saves = Math.ceil(seconds / secondsPerSave(isSmall, (60 * PROMPTS) / callsPerMinute));
  const signals = isSmall ? pictures * units.signalsPerPicture : 0;
  const queries = isSmall ? saves * units.queriesPerSave : 0;
  const heartbeats = calls * units.heartbeatsPerCall;
  const rest = batches * (units.activitiesPerBatch + 2) + pages * 2 + saves * 2 + signals + queries;
  const actions = (calls + heartbeats + rest) * FAIRNESS;
  const { child, parent } = units;
  // A page's number in `pages`, with its comma, is in every save.
  const bytesPerSave = parent.bytesPerSave + pages * 5;
  const parentEvents =
    batches * parent.perBatch + saves * parent.perSave + pages * parent.perPage + signals * 4;
  const parentBytes = batches * parent.bytesPerBatch + saves * bytesPerSave;
  const history = batches * child.bytes + parentBytes;
  const executions = Math.ceil(
    Math.max(parentEvents / EVENTS_PER_EXECUTION, parentBytes / BYTES_PER_EXECUTION),
  );
  const million = (n: number): string => `${(n / 1e6).toPrecision(3)} M`;
  const giga = (bytes: number): string => `${(bytes / 1e9).toPrecision(3)} GB`;
  const days = seconds / 86_400;
  return {
    time: days < 2 ? `${(seconds / 3_600).toFixed(1)} h` : `${days.toFixed(1)} days`,
    calls: million(calls),
    'workflow executions': `${batches.toLocaleString('en')} children, parent ${executions.toLocaleString('en')}`,
    saves: saves.toLocaleString('en'),
    'parent events, bytes': `${million(parentEvents)}, ${giga(parentBytes)} (a save ${Math.round(bytesPerSave)} bytes)`,
    'events in all': million(parentEvents + batches * child.events),
    history: giga(history),
    'database (SQLite)': giga(history * units.databasePerHistoryByte),
    'a day of it': giga((history * units.databasePerHistoryByte) / Math.max(days, 1)),
    Actions: `${million(actions)}: calls ${million(calls)}, heartbeats ${million(heartbeats)}, rest ${million(rest)}, fairness ${million(actions - actions / FAIRNESS)}`,
    'Actions a second': (actions / seconds).toFixed(1),
    'activities a second': ((calls + batches * units.activitiesPerBatch + saves) / seconds).toFixed(2),
    'Actions in dollars': `${dollars(actions / 1e6)}; at 50 a million ${((actions / 1e6) * 50).toFixed(0)}`,
    'history for 30 days, dollars': ((history / 1e9) * 720 * RETAINED_GB_HOUR).toFixed(2),
    'model, dollars': String(modelCost(calls)),
    ...Object.fromEntries(
      Object.entries(units.filesPerPicture).map(([kind, bytes]) => [
        `files: ${kind}`,
        giga(bytes * pictures),
      ]),
    ),
  };
}

/**
 * A small run's pictures end one by one: after a save the next one is due ten pictures later, or 30 s after one has
 * ended. A large run's counts move with its batches.
 */
function secondsPerSave(isSmall: boolean, secondsPerPicture: number): number {
  const step = isSmall ? secondsPerPicture : secondsPerPicture * BATCH;
  const enough = Math.ceil(SAVE_EVERY.pictures / (isSmall ? 1 : BATCH)) * step;
  return Math.min(enough, Math.max(step, SAVE_EVERY.seconds));
}

/** List price of Actions that all fall into one month. */
function dollars(millions: number): string {
  let from = 0;
  let sum = 0;
  for (const [to, price] of TIERS) {
    sum += Math.max(0, Math.min(millions, to) - from) * price;
    from = to;
  }
  return `${sum.toFixed(0)}${millions > 200 ? ' at most (over 200 M: contact sales)' : ''}`;
}

function modelCost(calls: number): number | 'unknown' {
  const account = {
    label: 'default',
    provider: 'openai',
    endpoint: 'api.openai.com',
    simulated: false,
  } as const;
  const inputTokens = calls * (TOKENS_PER_CALL - OUTPUT_TOKENS);
  return costOf(
    { model: 'gpt-4o', account },
    { ...noCounts(), inputTokens, outputTokens: calls * OUTPUT_TOKENS },
  );
}

await main();
