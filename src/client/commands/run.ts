import { printableJson } from '../../shared/redact.ts';
import { LONGEST_RETENTION_DAYS, oneOf, wholeNumber, type Config } from '../../config.ts';
import { connectRunning, connectServer, type Server } from '../connection.ts';
import { EXIT, UsageError, type Deps } from '../deps.ts';
import { createDisplay } from '../display.ts';
import { follow } from '../follow.ts';
import {
  changeInWords,
  changeLimits,
  limitsAsked,
  refuseTooFew,
  storedLimits,
  untilFelt,
} from '../limits.ts';
import { lineOf } from '../next-steps.ts';
import { noWorker } from '../notices.ts';
import { workersPoll } from '../observe.ts';
import { type PageBeside, pageBeside } from '../page-beside.ts';
import { estimateLines } from '../render/estimate.ts';
import { priorityOf, runInputOf, type RunFlags } from '../run-input.ts';
import { plural } from '../../shared/phrases.ts';
import type { LimitSettings, RunInput } from '../../shared/types.ts';
import type { Estimate } from '../../shared/single.ts';
import { startRun, type StartedRun } from '../start-run.ts';
import { runsUnderWay } from '../under-way.ts';

/** `run SOURCE`: analyses every picture of a folder or a bucket. */
export async function runCommand(deps: Deps, source: string, flags: RunFlags): Promise<number> {
  const input = await runInputOf(deps, source, flags);
  const priority = priorityOf(flags.priority);
  const limits = limitsOfRun(deps, flags);
  const retentionDays = retentionOf(deps.config, flags.retention);
  const config: Config = {
    ...deps.config,
    model: input.model ?? deps.config.model,
    detail: input.detail ?? deps.config.detail,
    limits: { ...(await limitsNow(deps.config, flags)), ...limits },
  };
  const print = (text: string): void => void deps.terminal.out.write(`${text}\n`);
  if (flags.dryRun === true) {
    const estimate = await deps.estimateRun(config, input);
    refuseEmpty(estimate);
    if (flags.json === true) print(printableJson(JSON.stringify({ event: 'estimate', ...estimate })));
    else estimateLines(estimate, deps.terminal.columns()).forEach(print);
    return EXIT.ok;
  }
  requireKey(deps);
  await checkPictures(deps, config, input);
  return startAndFollow(deps, { ...deps.config, retentionDays }, input, {
    flags,
    priority,
    limits,
    hints: [],
  });
}

/** For the engine that the command starts; one that runs keeps its own, and the command says so. */
function retentionOf({ address, retentionDays }: Config, flag: string | undefined): number {
  if (flag === undefined) return retentionDays;
  const days = wholeNumber('--retention', flag, LONGEST_RETENTION_DAYS);
  if (address === null) return days;
  throw new UsageError(
    `--retention is for the embedded server, but this command uses ${address}. There, set it with: ` +
      `temporal operator namespace update --retention ${String(days)}d --namespace … --address ${address}`,
  );
}

/** The limits that `run` sets: those of the embedded engine's account, whose person is this one. */
function limitsOfRun({ config, calledAs }: Deps, flags: RunFlags): Partial<LimitSettings> | null {
  const asked = limitsAsked(flags);
  if (asked === null) return null;
  if (config.address !== null) {
    const { limits, rpm, tpm } = flags;
    const same = limits ?? [...(rpm ? [`--rpm ${rpm}`] : []), ...(tpm ? [`--tpm ${tpm}`] : [])].join(' ');
    throw new UsageError(
      `--limits, --rpm and --tpm of run set the limits of the embedded engine's account, but this command uses ` +
        `${config.address}. There, set them with: ${calledAs} limits ${same} --address ${config.address}`,
    );
  }
  refuseTooFew(asked, config);
  return asked;
}

/** What a worker would go by now. A server that does not run is not started to hear what is stored there. */
async function limitsNow(config: Config, { dryRun }: RunFlags): Promise<LimitSettings> {
  if (config.address !== null && dryRun !== true) return config.limits;
  const server = await connectRunning(config);
  try {
    return (server && (await storedLimits(server, config).catch(() => null))) ?? config.limits;
  } finally {
    await server?.close();
  }
}

/** What no run over this folder can mend is told before an engine is started for it. Of a bucket the plan tells. */
async function checkPictures(deps: Deps, config: Config, input: RunInput): Promise<void> {
  if (config.address !== null || input.source.startsWith('gs://')) return;
  const one = await deps.estimateRun(config, { ...input, limit: 1 });
  refuseEmpty(one);
  const tokens = Math.ceil(one.tokens.total / one.calls);
  // Before the limits are set: a limit that no run could use is not to be kept for later ones.
  if (tokens <= one.limits.tokensPerMinute) return;
  throw new UsageError(
    `One call costs about ${tokens} tokens, more than the ${one.limits.tokensPerMinute} a whole minute allows. ` +
      `Use --tpm ${tokens} or more, --detail low, smaller pictures or another model.`,
  );
}

function refuseEmpty({ source, images, skipped }: Estimate): void {
  if (images > 0) return;
  const passed = skipped > 0 ? ` (${plural(skipped, 'file')} passed over)` : '';
  throw new UsageError(
    `${JSON.stringify(source)} holds no JPEG, PNG or WebP pictures${passed}. ` +
      'Name the folder that has them, or change --include and --exclude.',
  );
}

/** Starts a run and shows it; shared by `run` and the demonstration. */
export async function startAndFollow(
  deps: Deps,
  config: Config,
  input: Awaited<ReturnType<typeof runInputOf>>,
  options: {
    flags: Pick<RunFlags, 'json' | 'onBlock' | 'detach' | 'page'>;
    /** As {@link priorityOf} reads it. */
    priority: number | null;
    /** Limits to set at the account before the run starts. */
    limits: Partial<LimitSettings> | null;
    /** What to say at a good end. */
    hints: string[];
  },
): Promise<number> {
  const { flags, priority } = options;
  const onBlock = onBlockOf(deps, flags.onBlock);
  const display = createDisplay(deps.terminal, { json: flags.json === true, now: deps.now });
  const server = await connectServer(deps, config, { worker: true, log: (line) => display.say(line) });
  let page: PageBeside | null = null;
  try {
    const { simulated } = config.account;
    const said = options.limits === null ? null : await setLimits(server, config, options.limits);
    const results = input.results ?? config.results;
    const started = await startRun(
      server,
      { ...input, results },
      { simulated: simulated && server.engine !== null, priority, now: deps.now(), calledAs: deps.calledAs },
    );
    page = await pageBeside(deps, flags, started, (text) => display.say(text));
    display.start({
      server: server.label,
      ...started,
      source: input.source,
      page: page.url,
      webUi: server.webUi(started.workflowId),
      simulated,
    });
    if (said !== null) display.say(said);
    await sayUnderWay(server, (text) => display.say(text), started.run);
    if (flags.detach === true) return await leaveDetached(deps, server, started, (text) => display.say(text));
    return await follow(deps, server, display, {
      ...started,
      onBlock,
      earlierRecord: null,
      hints: options.hints,
    });
  } finally {
    await page?.close();
    await server.close();
  }
}

/** The same act as the command `limits`; says what it changed, and for whom. */
async function setLimits(server: Server, config: Config, asked: Partial<LimitSettings>): Promise<string> {
  const others = await runsUnderWay(server, 'running');
  const change = await changeLimits(server, config, asked);
  await untilFelt(change);
  const touched = others.length > 0 ? `, and for ${others.join(', ')}` : '';
  return `Limits of the account: ${changeInWords(change, config.limits)}. Kept for later runs${touched}.`;
}

/** On a terminal a blocked run waits for its person; elsewhere the command ends, so that no cron job hangs. */
export function onBlockOf(deps: Deps, flag: string | undefined): 'wait' | 'exit' {
  if (flag !== undefined) return oneOf('--on-block', flag, ['wait', 'exit']);
  return deps.terminal.interactive ? 'wait' : 'exit';
}

/** A real run on the embedded engine needs a key before anything starts. */
export function requireKey(deps: Deps): void {
  if (deps.config.address !== null || deps.config.apiKey !== null) return;
  throw new UsageError(
    `OPENAI_API_KEY is not set. Put it before the command: OPENAI_API_KEY=sk-… ${deps.calledAs} run ./pictures. ` +
      `Without a key, \`${deps.calledAs.replace(/ --$/, '')}\` alone shows a simulated demonstration.`,
  );
}

/** Says which other runs spend on this engine, so that nobody wonders at a slow run or a bill. */
export async function sayUnderWay(
  server: Server,
  say: (text: string) => void,
  except?: string,
): Promise<void> {
  if (server.engine === null) return;
  const { startedHere } = server.engine;
  for (const run of await runsUnderWay(server, 'running')) {
    if (run === except) continue;
    say(
      startedHere
        ? `Run ${run} was under way when the engine last stopped: it goes on.`
        : `Run ${run} is under way on this engine too; at its limits they take turns, and a more urgent one goes first.`,
    );
  }
  for (const run of await runsUnderWay(server, 'blocked')) {
    if (run !== except) say(`Run ${run} is blocked: it tries a call now and then and goes on by itself.`);
  }
}

async function leaveDetached(
  deps: Deps,
  server: Server,
  started: StartedRun,
  say: (text: string) => void,
): Promise<number> {
  await server.engine?.hold(started.workflowId);
  if (server.engine === null) {
    if ((await workersPoll(server.client, server.namespace, server.taskQueue)) === false)
      say(noWorker(deps, server));
  } else {
    say(`The engine stays until the run has ended; \`${deps.calledAs} stop\` ends it before.`);
  }
  const line = lineOf(deps, started.run, started.results);
  say(`Look at it:  ${line('status')}`);
  say(`Watch it:    ${line('resume')}`);
  return EXIT.ok;
}
