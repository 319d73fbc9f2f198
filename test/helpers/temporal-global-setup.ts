import type { TestProject } from 'vitest/node';
import { startTemporal } from './temporal-server.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** The one server that the tests in `test/workflows` share: `inject('temporal')`. */
    temporal: { address: string; namespace: string; dbFile: string };
  }
}

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const { address, namespace, dbFile, close } = await startTemporal();
  project.provide('temporal', { address, namespace, dbFile });
  return close;
}
