import { createRebuildResults } from '../activities/rebuild-results.ts';
import type { Config } from '../config.ts';
import type { RecordedAnswer, Rebuilt } from '../shared/rebuilt.ts';
import { createParts } from './parts.ts';

/** Writes a run's results again, without a worker: {@link createRebuildResults} with the parts that the settings name. */
export async function rebuildResults(
  config: Config,
  place: string,
  { answersOf }: { answersOf: (workflowId: string) => Promise<RecordedAnswer[]> },
): Promise<Rebuilt> {
  const { files, answers } = createParts(config);
  return createRebuildResults({ files, answers, answersOf })(place);
}
