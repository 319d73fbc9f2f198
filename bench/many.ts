import { parseArgs } from 'node:util';
import { type ManyCase, type ManyFigures, runMany } from './many-run.ts';

const MB = 1_000_000;

/** The Web UI opens histories of so many events at once. */
const EVENTS = 5_000;
/** Temporal takes no larger payload, and no larger gRPC message. */
const PAYLOAD_BYTES = 2 * 2 ** 20;
const MESSAGE_BYTES = 4 * 2 ** 20;
const STATUS_MS = 1_000;
const TIMES_WRITTEN = 6;
const ROWS = 24;
/** Pictures a page. */
const PAGE = 1_000;
/** Above what it held in the run's first third a process may hold so much in the last one: garbage comes and goes. */
const GROWTH = { factor: 1.25, bytes: 50 * MB };

/**
 * `npm run bench:many [-- --pictures N --prompts N]`: many pictures through the whole system, without model time and with
 * limits that do not bind. Prints what a run of that size takes and leaves behind; a bound that was missed is named, and
 * the status is 1. 10,000 pictures and 6 prompts by default. Needs Linux and `npm run build`.
 */
async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      pictures: { type: 'string', default: '10000' },
      prompts: { type: 'string', default: '6' },
    },
  });
  const given: ManyCase = { pictures: Number(values.pictures), prompts: Number(values.prompts) };
  console.log(`${given.pictures} pictures × ${given.prompts} prompts, no model time`);
  const figures = await runMany(given);
  console.log(textOf(figures));
  const missed = checksOf(given, figures).filter(({ value, most, least }) => value > most || value < least);
  for (const { what, value, most, least } of missed) {
    const bound = value > most ? `at most ${String(most)}` : `at least ${String(least)}`;
    console.log(`  MISSED: ${what} is ${value.toFixed(0)}, must be ${bound}`);
  }
  if (missed.length === 0) console.log('  every bound is kept');
  process.exitCode = missed.length === 0 ? 0 : 1;
}

interface Check {
  what: string;
  value: number;
  most: number;
  least: number;
}

function checksOf({ pictures, prompts }: ManyCase, f: ManyFigures): Check[] {
  const most = (what: string, value: number, bound: number): Check => ({
    what,
    value,
    most: bound,
    least: -Infinity,
  });
  const exactly = (what: string, value: number, bound: number): Check => ({
    what,
    value,
    most: bound,
    least: bound,
  });
  const { parent, largestChild, payloads } = f.histories;
  const histories = [...parent, largestChild];
  return [
    exactly('answers', f.counts.answered, pictures * prompts),
    exactly('pictures complete', f.counts.imagesComplete, pictures),
    most('questions asked twice', f.askedTwice, 0),
    exactly('pages listed', f.pages, Math.ceil(pictures / PAGE)),
    most('events of a history', Math.max(...histories.map(({ events }) => events)), EVENTS),
    most('bytes of a payload', payloads[0]?.bytes ?? 0, PAYLOAD_BYTES),
    most(
      'bytes of the answer to `progress`',
      Math.max(0, ...f.samples.map((s) => s.progressBytes)),
      PAYLOAD_BYTES,
    ),
    most('bytes of a page of the listing', f.largestPageBytes, MESSAGE_BYTES),
    most('bytes of a shard', f.largestShardBytes, PAYLOAD_BYTES),
    // A smaller run is written in full each time, so that a person sees it grow.
    ...(pictures > PAGE
      ? [most('bytes written of the run', sum(f.written.run), TIMES_WRITTEN * f.resultsBytes)]
      : []),
    // The machine is full while it runs: what the program's start takes then says nothing of the run.
    most('`status` while it runs, beyond the program’s start, ms', Math.max(0, ...beyondStart(f)), STATUS_MS),
    most('`status` after it, ms', f.statusAfterMs, STATUS_MS),
    ...(['worker', 'server', 'command'] as const).flatMap((who) => growth(who, f.samples)),
  ];
}

const beyondStart = ({ samples }: ManyFigures): number[] =>
  samples.map(({ statusMs, programMs }) => Math.max(0, statusMs - programMs));

/** Memory in the last third of a run beside the first, once there is enough of it to compare. */
function growth(who: 'worker' | 'server' | 'command', samples: ManyFigures['samples']): Check[] {
  if (samples.length < 6) return [];
  const third = Math.floor(samples.length / 3);
  const highest = (some: ManyFigures['samples']): number => Math.max(...some.map((s) => s[`${who}Bytes`]));
  const bound = highest(samples.slice(0, third)) * GROWTH.factor + GROWTH.bytes;
  return [
    {
      what: `bytes of memory of the ${who} in the last third`,
      value: highest(samples.slice(-third)),
      most: bound,
      least: 0,
    },
  ];
}

function textOf(f: ManyFigures): string {
  const { parent, children, largestChild, payloads } = f.histories;
  const rows: [string, string][] = [
    ['time', `${f.seconds.toFixed(0)} s, ${(f.counts.answered / f.seconds).toFixed(1)} answers a second`],
    ['state', `${f.state}: ${f.counts.answered} answers, ${f.counts.failed} failed`],
    ['calls', `${f.calls} answered, ${f.askedTwice} of them for a question that had an answer`],
    [
      'parent',
      `${parent.length} executions; events ${numbers(parent.map(({ events }) => events))}; ` +
        `bytes ${numbers(parent.map(({ bytes }) => bytes))}`,
    ],
    ['children', `${children}; largest ${largestChild.events} events, ${mb(largestChild.bytes)}`],
    [
      'largest payloads',
      payloads
        .slice(0, 5)
        .map(({ of, bytes }) => `${of} ${bytes}`)
        .join(', '),
    ],
    ['listing', `${f.pages} pages, the largest ${mb(f.largestPageBytes)}`],
    ['largest shard', mb(f.largestShardBytes)],
    [
      'memory at most',
      `worker ${mb(f.peakBytes.worker)}, server ${mb(f.peakBytes.server)}, command ${mb(f.peakBytes.command)}, ` +
        `simulator ${mb(f.peakBytes.simulator)}`,
    ],
    ['results.json', mb(f.resultsBytes)],
    [
      'bytes written',
      `${mb(sum(f.written.run))}, ${(sum(f.written.run) / f.resultsBytes).toFixed(2)} times results.json: ` +
        Object.entries(f.written.run)
          .map(([kind, bytes]) => `${kind} ${(bytes / f.resultsBytes).toFixed(2)}`)
          .join(', '),
    ],
    [
      'answer store',
      `${mb(f.written.answers)}, ${(f.written.answers / f.resultsBytes).toFixed(2)} times results.json`,
    ],
    ['database', mb(f.databaseBytes)],
    [
      'status',
      `${numbers(f.samples.map((s) => s.statusMs))} ms while it runs, of that beyond the program's start ` +
        `${numbers(beyondStart(f))} ms; after it ${f.statusAfterMs.toFixed(0)} ms`,
    ],
  ];
  return [
    ...rows.map(([name, value]) => `  ${name.padEnd(18)} ${value}`),
    '  s      answers  worker   server   command  status  (program alone)  progress  batches',
    ...some(f.samples).map((s) =>
      [
        `  ${(s.atMs / 1000).toFixed(0).padEnd(5)}`,
        String(s.answers).padStart(8),
        ...[s.workerBytes, s.serverBytes, s.commandBytes].map((bytes) => mb(bytes).padStart(8)),
        `${s.statusMs.toFixed(0)} ms`.padStart(8),
        `(${s.programMs.toFixed(0)} ms)`.padStart(10),
        `${s.progressBytes} B`.padStart(12),
        String(s.batchesRunning).padStart(6),
      ].join(' '),
    ),
  ].join('\n');
}

/** As many rows as a screen shows, evenly. */
const some = <T>(all: T[]): T[] => all.filter((_, n) => n % Math.ceil(all.length / ROWS) === 0);

const mb = (bytes: number): string => `${(bytes / MB).toFixed(bytes < 10 * MB ? 2 : 0)} MB`;

const sum = (parts: Record<string, number>): number =>
  Object.values(parts).reduce((total, n) => total + n, 0);

/** A few numbers one by one, many by their range. */
const numbers = (all: number[]): string =>
  all.length > 8
    ? `${Math.min(...all).toFixed(0)} to ${Math.max(...all).toFixed(0)}`
    : all.map((n) => n.toFixed(0)).join(', ');

await main();
