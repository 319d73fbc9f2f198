import { files } from '../shared/names.ts';
import { type FoundPicture, purgedIdentity } from '../shared/purge.ts';
import { readAhead } from '../shared/read-ahead.ts';
import type { OpenStore } from '../shared/result-store.ts';
import type { ImagePage, Plan } from '../shared/types.ts';
import { answerKey } from './answer-key.ts';
import { pictureHash } from './picture-hash.ts';
import { brokenRun } from './run-failure.ts';
import { parsed } from './run-files.ts';

/**
 * Looks through a run's listed pages for the picture with an address, and for what an earlier purge of it left there.
 * Nothing is found where the folder holds no run. Throws a `Blocked` failure that names a file which is damaged.
 */
export function createFindPicture(deps: { openStore: OpenStore }) {
  return async function findPicture(results: string, uri: string): Promise<FoundPicture[]> {
    const store = deps.openStore(results);
    const text = await store.read(files.run);
    if (text === null) return [];
    const plan = parsed<Plan>(text, `${results}/${files.run}`);
    const gone = purgedIdentity(pictureHash(uri));
    const read = async (number: number): Promise<ImagePage> => {
      const path = files.page(number);
      const page = await store.read(path);
      if (page === null) throw brokenRun(`${results}/${path} is gone`);
      return parsed<ImagePage>(page, `${results}/${path}`);
    };
    const pages = (await store.list('images')).map((_, number) => number);
    const found: FoundPicture[] = [];
    let firstBatch = 0;
    // Few at a time: a page is some 500 KB in memory.
    for await (const { page, images } of readAhead(pages, read, 8)) {
      for (const [index, image] of images.entries()) {
        const isGone = image.identity === gone;
        if (image.uri !== uri && !isGone) continue;
        const batch = firstBatch + Math.floor(index / plan.batchSize);
        const keys = isGone ? [] : plan.prompts.map((prompt) => answerKey(plan, image, prompt));
        found.push({ page, index, batch, name: isGone ? null : image.name, keys });
      }
      firstBatch += Math.ceil(images.length / plan.batchSize);
    }
    return found;
  };
}
