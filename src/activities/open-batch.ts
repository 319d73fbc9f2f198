import type { RunFiles, RunPlace } from './run-files.ts';
import { runFailure } from './run-failure.ts';

export interface OpenBatchInput extends RunPlace {
  page: number;
  first: number;
  images: number;
}

/** A picture as the batch sees it: its index in the page, and a name for people. */
export interface BatchImage {
  index: number;
  name: string;
}

/** Long names are shortened in summaries and logs; a picture's identity is its place in the page. */
const NAME_SHOWN = 200;

/** Looks up which pictures the batch is about. */
export function createOpenBatch(deps: { files: RunFiles }) {
  return async function openBatch(input: OpenBatchInput): Promise<BatchImage[]> {
    try {
      const { images } = await deps.files.page(input, input.page);
      return images
        .slice(input.first, input.first + input.images)
        .map(({ name }, i) => ({ index: input.first + i, name: name.slice(-NAME_SHOWN) }));
    } catch (err) {
      throw runFailure(err);
    }
  };
}
