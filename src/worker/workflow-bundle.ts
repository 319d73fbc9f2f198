import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { bundleWorkflowCode, DefaultLogger } from '@temporalio/worker';
import type { WorkflowBundle, WorkflowBundleOption } from '@temporalio/worker';
import { FAILURE_CONVERTER } from '../codec/data-converter.ts';
import type { Logger } from '../logger.ts';

/** What a worker's workflows have besides themselves. */
export interface BundleKind {
  /** A failure's message goes into a payload, as the codec needs it. */
  hidden: boolean;
  /** They tell when they end, as traces need it. */
  traced: boolean;
}

const made = new Map<string, Promise<WorkflowBundle>>();

/** The bundle that the build made; from source it is made once a process. */
export async function workflowBundle(logger: Logger, kind: BundleKind): Promise<WorkflowBundleOption> {
  // As scripts/build.mjs names them.
  const name = `workflow-bundle${kind.hidden ? '-hidden' : ''}${kind.traced ? '-traced' : ''}.js`;
  const built = fileURLToPath(new URL(`../${name}`, import.meta.url));
  if (existsSync(built)) return { codePath: built };
  const bundle = made.get(name) ?? makeBundle(logger, kind);
  made.set(name, bundle);
  return bundle;
}

const makeBundle = (logger: Logger, { hidden, traced }: BundleKind): Promise<WorkflowBundle> =>
  bundleWorkflowCode({
    workflowsPath: source('index.ts'),
    logger: new DefaultLogger('WARN', ({ message }) => {
      logger.warn(message);
    }),
    ...(hidden ? { failureConverterPath: FAILURE_CONVERTER } : {}),
    ...(traced ? { workflowInterceptorModules: [source('tracing.ts')] } : {}),
  });

const source = (file: string): string => fileURLToPath(new URL(`../workflows/${file}`, import.meta.url));
