import { files } from '../shared/names.ts';
import { MAX_LIMIT } from '../shared/run-input.ts';
import type { ImagePage, PageSummary } from '../shared/types.ts';
import { withHeartbeat } from './heartbeat.ts';
import type { OpenSource } from './ports.ts';
import { invalidInput, runFailure } from './run-failure.ts';
import { checkFolder, parsed, type RunFiles, type RunPlace } from './run-files.ts';

export interface ListInput extends RunPlace {
  page: number;
  cursor: string | null;
  /** Pictures a page. */
  max: number;
  /** Pictures on earlier pages. */
  found: number;
}

/**
 * Lists one page of the source and freezes it as `images/000000.json`, so that a picture is named by page and index
 * from here on. A page that is there already is taken as it is: the pictures of a run are listed once.
 */
export function createListImages(deps: { files: RunFiles; openSource: OpenSource }) {
  return async function listImages(input: ListInput): Promise<PageSummary> {
    try {
      const plan = await deps.files.plan(input);
      const store = deps.files.store(input.results);
      const left = plan.limit === null ? Infinity : plan.limit - input.found;
      return await withHeartbeat(async (signal) => {
        const there = await store.read(files.page(input.page));
        if (there !== null)
          return summaryOf(parsed<ImagePage>(there, `${input.results}/${files.page(input.page)}`));
        await checkFolder(store);
        const source = deps.openSource(plan.source, { include: plan.include, exclude: plan.exclude });
        const listed = await source.list(input.cursor, Math.min(input.max, left), signal);
        const next = listed.images.length >= left ? null : listed.next;
        if (input.found + listed.images.length > MAX_LIMIT)
          throw invalidInput(
            `source: ${plan.source} has more than ${MAX_LIMIT} pictures; analyse its folders one by one`,
          );
        const page: ImagePage = { page: input.page, images: listed.images, skipped: listed.skipped, next };
        const created = await store.create(files.page(input.page), `${JSON.stringify(page)}\n`);
        return summaryOf(created ? page : await deps.files.page(input, input.page));
      });
    } catch (err) {
      throw runFailure(err);
    }
  };
}

const summaryOf = ({ images, skipped, next }: ImagePage): PageSummary => ({
  images: images.length,
  skipped: skipped.length,
  next,
});
