import type { TestProject } from 'vitest/node';
import { readComposeFile } from './cluster.ts';
import { dotEnv } from './dot-env.ts';
import { getParts, PartMissing, type Parts } from './parts.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** The programs of the compose file's images; `null`: one cannot be had here, and the tests are skipped. */
    parts: Parts | null;
  }
}

export default async function setup(project: TestProject): Promise<void> {
  try {
    project.provide('parts', await getParts(readComposeFile(dotEnv({})), process.env, console.log));
  } catch (error) {
    if (!(error instanceof PartMissing)) throw error;
    console.log(`skipped: ${error.message}`);
    project.provide('parts', null);
  }
}
