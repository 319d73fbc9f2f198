import type { AnswerStore } from '../../activities/ports.ts';
import type { AnswerCache } from '../../shared/answer-cache.ts';
import { StoreError } from '../../shared/result-store.ts';
import { openFolderAnswers } from './folder-answers.ts';
import type { Gcs } from './gcs.ts';
import { parseGcsPlace } from './gcs.ts';
import { openGcsAnswers } from './gcs-answers.ts';

/** Opens the store of paid answers in a bucket (`gs://…`) or in a folder (an absolute path). Nothing is written yet. */
export function createOpenAnswers(gcs: Gcs): (place: string) => AnswerStore & AnswerCache {
  return (place) => {
    if (!place.startsWith('gs://')) return openFolderAnswers(place);
    const parsed = parseGcsPlace(place);
    if (typeof parsed === 'string') throw new StoreError('invalid', `The answers' place ${parsed}`);
    return openGcsAnswers(parsed, gcs);
  };
}
