import pc from 'picocolors';
import { accessSecrets } from '../../config.ts';
import { printableJson } from '../../shared/redact.ts';
import { EXIT, type Deps } from '../deps.ts';
import { allChecks } from '../doctor/all-checks.ts';
import { type CheckResult, runChecks } from '../doctor/check.ts';
import { jsonOf, linesOf, summaryLine } from '../doctor/render.ts';

export interface DoctorFlags {
  ask?: boolean;
  json?: boolean;
}

/**
 * `doctor [source]`: looks at every link of the chain, starts nothing, and leaves everything as it was. Exit status 1
 * when a link is wrong.
 */
export async function doctorCommand(
  deps: Deps,
  source: string | undefined,
  flags: DoctorFlags,
): Promise<number> {
  const { config, terminal, cwd, calledAs, now } = deps;
  const print = (line: string): void => void terminal.out.write(`${line}\n`);
  const secrets = [config.apiKey, config.notifySecret, ...accessSecrets(config.access)].filter(
    (secret) => secret !== null,
  );
  const probes = await deps.openProbes(config);
  const { checks, close } = allChecks(config, probes, {
    source,
    ask: flags.ask === true,
    cwd,
    calledAs,
    now,
  });
  const results: CheckResult[] = [];
  try {
    for await (const result of runChecks(checks, { secrets })) {
      results.push(result);
      if (flags.json === true) print(printableJson(jsonOf(result)));
      else linesOf(result, terminal.columns(), pc.createColors(terminal.colors)).forEach(print);
    }
  } finally {
    await close();
  }
  if (flags.json !== true) print(`\n${summaryLine(results)}`);
  return results.some(({ state }) => state === 'wrong') ? EXIT.failed : EXIT.ok;
}
