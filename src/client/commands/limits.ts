import { limitsInWords, START_LIMITS } from '../../shared/limits.ts';
import { modelQueueOf } from '../../shared/names.ts';
import { printableJson } from '../../shared/redact.ts';
import { connectServer } from '../connection.ts';
import { EXIT, type Deps } from '../deps.ts';
import { changeInWords, changeLimits, inForce, limitsAsked, refuseTooFew, storedLimits } from '../limits.ts';
import { workersPoll } from '../observe.ts';
import { labelled } from '../render/format.ts';
import { runsUnderWay } from '../under-way.ts';

export interface LimitsFlags {
  rpm?: string;
  tpm?: string;
  json?: boolean;
}

/**
 * `limits [auto]`: shows and sets what is stored at an account, while runs go on. On the embedded engine it starts the
 * server where none runs, and no worker.
 */
export async function limitsCommand(
  deps: Deps,
  both: string | undefined,
  flags: LimitsFlags,
): Promise<number> {
  const { config, terminal } = deps;
  const asked = limitsAsked({ ...flags, ...(both === undefined ? {} : { limits: both }) }, 'limits');
  if (asked !== null) refuseTooFew(asked, config);
  const log = (line: string): void => void terminal.err.write(`${line}\n`);
  const server = await connectServer(deps, config, { worker: false, log });
  try {
    const modelQueue = modelQueueOf(server.taskQueue, config.account);
    const change = asked === null ? null : await changeLimits(server, config, asked);
    const stored = change === null ? await storedLimits(server, config) : change.after;
    const [runs, workers] = await Promise.all([
      runsUnderWay(server, 'running'),
      workersPoll(server.client, server.namespace, server.taskQueue),
    ]);
    const holds = stored ?? config.limits;
    const [run] = runs;
    const now = run === undefined || workers === false ? null : await inForce(server, run);
    if (flags.json === true) {
      const before = change === null ? {} : { before: change.before };
      const seen = { modelQueue, ...before, stored, own: config.limits, holds, now, runs, workers };
      terminal.out.write(`${printableJson(JSON.stringify(seen))}\n`);
      return EXIT.ok;
    }
    const starts = Object.values(holds).includes('auto')
      ? ` (what the provider says; ${limitsInWords(START_LIMITS)} until it has)`
      : '';
    const rows: [string, string][] = [
      ['Account', modelQueue],
      ...(change === null ? [] : [['Changed', changeInWords(change, config.limits)] as [string, string]]),
      ['Stored', stored === null ? 'nothing' : limitsInWords(stored)],
      [
        'Own',
        `${limitsInWords(config.limits)} (LIMITS of this command; each worker has its own), where nothing is stored`,
      ],
      ['Holds', `${limitsInWords(holds)}${starts}`],
      ...(now === null ? [] : [['Now', `${now} (run ${run ?? ''})`] as [string, string]]),
      ['Runs', runs.length === 0 ? 'none under way' : `${runs.join(', ')}: under way, by what holds`],
    ];
    if (change !== null) {
      rows.push([
        'Felt',
        workers === false
          ? 'as soon as a worker starts; none runs now'
          : 'by every worker within five seconds',
      ]);
    }
    for (const [label, text] of rows) {
      for (const line of labelled(label, text, terminal.columns())) terminal.out.write(`${line}\n`);
    }
    return EXIT.ok;
  } finally {
    await server.close();
  }
}
