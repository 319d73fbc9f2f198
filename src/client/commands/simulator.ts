import { once } from 'node:events';
import { SettingError, wholeNumber } from '../../config.ts';
import { EXIT, type Deps } from '../deps.ts';
import { count, duration } from '../render/format.ts';
import { endOfInput } from './worker.ts';

export interface SimulatorFlags {
  port: string;
  host: string;
  rpm: string;
  tpm: string;
  latency: string;
  competitor: string;
  rateHeaders: boolean;
  seed: string;
  fault: string[];
  withParent?: boolean;
}

/** `simulator`: a server that behaves as OpenAI does, for trying things out. */
export async function simulatorCommand(deps: Deps, flags: SimulatorFlags): Promise<number> {
  const limits = {
    requestsPerMinute: wholeNumber('--rpm', flags.rpm),
    tokensPerMinute: wholeNumber('--tpm', flags.tpm),
  };
  const latencyMs = wholeNumber('--latency', flags.latency, 600_000);
  const simulator = await deps.startSimulator({
    ...limits,
    latencyMs,
    competitor: share('--competitor', flags.competitor),
    rateHeaders: flags.rateHeaders,
    port: flags.port === '0' ? 0 : wholeNumber('--port', flags.port, 65_535),
    host: flags.host,
    seed: wholeNumber('--seed', flags.seed),
    faults: faultsOf(flags.fault),
  });
  const say = (line: string): void => void deps.terminal.out.write(`${line}\n`);
  say(simulator.url);
  say(
    `SIMULATED answers; ${count(limits.requestsPerMinute)} requests and ${count(limits.tokensPerMinute)} tokens a ` +
      `minute, ${duration(latencyMs)} a call. Use it with OPENAI_BASE_URL=${simulator.url} SIMULATED=true. Ctrl-C ends it.`,
  );
  const stop = new AbortController();
  const ends: Promise<unknown>[] = ['SIGINT', 'SIGTERM', 'SIGHUP'].map((signal) =>
    once(process, signal, { signal: stop.signal }),
  );
  if (flags.withParent === true) ends.push(once(endOfInput(), 'abort'));
  await Promise.race(ends);
  stop.abort();
  await simulator.close();
  return EXIT.ok;
}

/** `kind=share` pairs. Kinds are the simulator's to check. */
function faultsOf(pairs: string[]): Record<string, number> {
  return Object.fromEntries(
    pairs.map((pair) => {
      const [kind = '', text = ''] = pair.split('=');
      const value = Number(text);
      if (kind === '' || text === '' || !(value >= 0 && value <= 1)) {
        throw new SettingError(
          `--fault is ${JSON.stringify(pair)}: give kind=share with a share from 0 to 1, for example --fault server-error=0.1.`,
        );
      }
      return [kind, value];
    }),
  );
}

function share(name: string, text: string): number {
  const value = Number(text);
  if (text !== '' && value >= 0 && value <= 1) return value;
  throw new SettingError(
    `${name} is ${JSON.stringify(text)}: give a share from 0 to 1, for example ${name} 0.4.`,
  );
}
