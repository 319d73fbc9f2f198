import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import { limitsText, readConfig } from '../src/config.ts';
import { ANALYZE_IMAGES, modelQueueOf } from '../src/shared/names.ts';
import type { ResultEntry, ResultsFile } from '../src/shared/results.ts';
import type { RunInput, RunResult } from '../src/shared/types.ts';
import type { LedgerEntry } from '../src/simulator/ledger.ts';
import { startSimulator } from '../src/simulator/server.ts';
import { startTemporal } from '../test/helpers/temporal-server.ts';
import { atSpeed, type Recorded, type RecordedPicture } from './recorded.ts';
import { PROMPTS, type Scenario } from './scenarios.ts';
import { createWorkers, type Workers } from './workers.ts';
import { makePictures } from './pictures.ts';

/** Runs a scenario end to end: real Temporal server, worker processes as they are built, the simulator as the account. */
export async function wholeRun(scenario: Scenario): Promise<Recorded> {
  const { account, told, latencyMs } = atSpeed(scenario);
  const { windowMs, ...variant } = scenario.variant ?? {};
  const folder = mkdtempSync(join(tmpdir(), 'image-analysis-bench-'));
  const pictures = makePictures(folder, 'pictures', scenario.pictures);
  const simulator = await startSimulator({
    latency: { medianMs: latencyMs },
    limits: account,
    ...variant,
    ...(windowMs === undefined ? {} : { windowMs: windowMs / scenario.speed }),
  });
  const server = await startTemporal();
  const settings = {
    OPENAI_API_KEY: 'none',
    OPENAI_BASE_URL: simulator.url,
    SIMULATED: 'true',
    TEMPORAL_ADDRESS: server.address,
    LIMITS: told === 'auto' ? told : limitsText(told),
    RESULTS: join(folder, 'results'),
    LOG_LEVEL: 'warn',
  };
  const config = readConfig(settings, folder);
  const workers = createWorkers(folder, settings);
  const connection = await Connection.connect({ address: server.address });
  const changes = scenario.changesWorkers === true ? changeWorkers(workers, simulator, scenario) : null;
  try {
    const client = new Client({ connection });
    for (let n = 0; n < (scenario.workers ?? 1); n += 1) workers.add();
    await polling(client, [config.taskQueue, modelQueueOf(config.taskQueue, config.account)], workers);
    const startedAt = Date.now();
    const before = { ...simulator.competitorTook };
    const input: RunInput = { source: pictures };
    if (scenario.detail !== undefined) input.detail = scenario.detail;
    const result = await client.workflow.execute<(input: RunInput) => Promise<RunResult>>(ANALYZE_IMAGES, {
      taskQueue: config.taskQueue,
      workflowId: 'bench',
      args: [input],
    });
    const file = join(config.results, result.run, 'results.json');
    return {
      startedAt,
      endedAt: Date.now(),
      calls: simulator.ledger,
      pictures: picturesIn(JSON.parse(readFileSync(file, 'utf8')) as ResultsFile),
      workers: workers.usage(),
      took: {
        requests: simulator.competitorTook.requests - before.requests,
        tokens: simulator.competitorTook.tokens - before.tokens,
      },
    };
  } finally {
    changes?.stop();
    await workers.close();
    await connection.close();
    await server.close();
    await simulator.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

const isAnswer = (entry: ResultEntry): entry is Exclude<ResultEntry, { error: unknown }> =>
  !('error' in entry);

const picturesIn = ({ images }: ResultsFile): RecordedPicture[] =>
  images.map(({ startedAt, endedAt, answers }) => ({
    startedAt: Date.parse(startedAt),
    endedAt: Date.parse(endedAt),
    answers: Object.values(answers)
      .filter(isAnswer)
      .map(({ sentAt, timings }) => ({ sentAt: Date.parse(sentAt), ms: timings.modelMs })),
  }));

/** Adds a worker when a third of the calls were made, and kills one when a half were. */
function changeWorkers(
  workers: Workers,
  { ledger }: { ledger: readonly LedgerEntry[] },
  { pictures }: Scenario,
): { stop(): void } {
  const calls = pictures * PROMPTS;
  const changes = [
    { at: calls / 3, change: workers.add },
    { at: calls / 2, change: workers.kill },
  ];
  const timer = setInterval(() => {
    const next = changes[0];
    if (next === undefined || ledger.length < next.at) return;
    changes.shift();
    next.change();
  }, 50);
  return {
    stop: () => {
      clearInterval(timer);
    },
  };
}

/** Resolves once every worker polls every queue. */
async function polling(client: Client, queues: string[], workers: Workers): Promise<void> {
  const pollsAll = async (name: string): Promise<boolean> => {
    const { pollers } = await client.workflowService.describeTaskQueue({
      namespace: 'default',
      taskQueue: { name },
      // Activities: both queues have them, and a worker polls for workflows first.
      taskQueueType: 2,
    });
    const seen = (pollers ?? []).map(({ identity }) => identity ?? '');
    return workers.identities().every((own) => seen.some((identity) => identity.startsWith(own)));
  };
  for (let tries = 0; tries < 600; tries += 1) {
    if ((await Promise.all(queues.map(pollsAll))).every(Boolean)) return;
    await new Promise((done) => setTimeout(done, 100));
  }
  throw new Error('a worker does not poll');
}
