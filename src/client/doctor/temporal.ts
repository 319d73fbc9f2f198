import { optionalTsToMs } from '@temporalio/common/lib/time.js';
import type { Config } from '../../config.ts';
import { GRPC, grpcCode, isDenied, messageOfGrpc } from '../../connection/grpc.ts';
import { denied } from '../../connection/problem.ts';
import { type AttributesThere, searchAttributesThere } from '../../connection/search-attributes.ts';
import { modelQueueOf, SEARCH_ATTRIBUTES } from '../../shared/names.ts';
import { plural } from '../../shared/phrases.ts';
import { engineConfig } from '../engine/launch.ts';
import { type Check, type Finding, ok, warn, wrong } from './check.ts';
import { queueChecks } from './queues.ts';
import { serverLink } from './server-link.ts';

/** The links at the Temporal server, and how to let go of it once the checks have ended. */
export interface TemporalChecks {
  checks: Check[];
  close(): Promise<void>;
}

/** Checks of the server, from its address to the workers that poll it. They start nothing and change nothing. */
export function temporalChecks(
  config: Config,
  { calledAs, now }: { calledAs: string; now: () => number },
): TemporalChecks {
  const server = serverLink(config, calledAs);
  const { call } = server;
  const { namespace, taskQueue } = server.embedded ? engineConfig(config) : config;
  const modelQueue = modelQueueOf(taskQueue, config.account);
  const queues = queueChecks({ server, namespace, taskQueue, modelQueue, calledAs, now });
  const temporal = (rest: string): string => `\`temporal ${rest} --address ${server.address()}\``;

  async function lookAtNamespace(): Promise<Finding> {
    try {
      const { config: kept } = await call((to) => to.workflowService.describeNamespace({ namespace }));
      const days = (optionalTsToMs(kept?.workflowExecutionRetentionTtl) ?? 0) / 86_400_000;
      return ok(`${namespace} is there; it keeps ended runs for ${plural(Math.round(days), 'day')}.`);
    } catch (error) {
      if (isDenied(error)) {
        const { found, remedy } = denied(config, server.address(), error);
        return wrong(found, remedy);
      }
      if (grpcCode(error) !== GRPC.notFound) throw error;
      return wrong(
        `The server has no namespace ${JSON.stringify(namespace)}.`,
        'Correct TEMPORAL_NAMESPACE, or make it: ' +
          `${temporal(`operator namespace create --namespace ${namespace} --retention 30d`)}.`,
      );
    }
  }

  async function lookAtAttributes(): Promise<Finding> {
    const wanted = Object.entries(SEARCH_ATTRIBUTES);
    let there: AttributesThere;
    try {
      there = await call((to) => searchAttributesThere(to, namespace));
    } catch (error) {
      if (![GRPC.permissionDenied, GRPC.unimplemented].includes(grpcCode(error))) throw error;
      return warn(
        `The server does not tell which search attributes it has: ${messageOfGrpc(error)}.`,
        `Look there for ${wanted.map(([name, type]) => `${name} (${type})`).join(', ')}.`,
      );
    }
    const missing = wanted.filter(([name]) => !there.known.includes(name));
    const odd = wanted.filter(([name]) => there.odd?.includes(name) === true);
    const create = (some: typeof wanted): string =>
      temporal(
        `operator search-attribute create --namespace ${namespace} ` +
          some.map(([name, type]) => `--name ${name} --type ${type}`).join(' '),
      );
    const names = (some: typeof wanted): string => some.map(([name]) => name).join(', ');
    if (odd.length > 0) {
      return wrong(
        `Of another type than this program needs: ${names(odd)}.`,
        `Remove them (\`temporal operator search-attribute remove\`), then: ${create([...odd, ...missing])}.`,
      );
    }
    const types = missing.map(([name, type]) => `${name} (${type})`).join(', ');
    if (missing.length > 0) {
      return wrong(
        `The namespace lacks search attributes, by which runs are found: ${names(missing)}.`,
        there.odd === null
          ? `Add them to the namespace where it is managed, at Temporal Cloud in its Web UI: ${types}.`
          : `${create(missing)}.`,
      );
    }
    const untold = there.odd === null ? ' The server does not tell their types.' : '';
    return ok(`${names(wanted)} are there.${untold}`);
  }

  const unsaid = `Look at the server at ${config.address ?? config.dataDir}, its load and its log, and ask again.`;
  const check = (
    name: string,
    title: string,
    needs: readonly string[],
    look: () => Promise<Finding>,
  ): Check => ({ name, title, needs, remedy: unsaid, look });
  return {
    checks: [
      check('temporal', 'Temporal server', [], server.look),
      check('namespace', 'Namespace', ['temporal'], lookAtNamespace),
      check('search-attributes', 'Search attributes', ['namespace'], lookAtAttributes),
      check('model-queue', 'Model queue', ['namespace'], queues.lookAtModelQueue),
      check('workers', 'Workers', ['namespace'], queues.lookAtWorkers),
    ],
    close: server.close,
  };
}
