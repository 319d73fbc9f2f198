/** A batch's place in the listing. */
export interface BatchPlace {
  /** From 0, over the whole run. */
  batch: number;
  page: number;
  /** Index of its first image in the page. */
  first: number;
  images: number;
}

/** Number of batches that pages of these sizes are cut into: a batch never spans two pages. */
export function batchesIn(pages: readonly number[], batchSize: number): number {
  return pages.reduce((sum, images) => sum + Math.ceil(images / batchSize), 0);
}

/** Place of batch number `batch`; `undefined` when the pages listed so far do not reach it. */
export function placeOf(batch: number, pages: readonly number[], batchSize: number): BatchPlace | undefined {
  let before = 0;
  for (const [page, images] of pages.entries()) {
    const here = Math.ceil(images / batchSize);
    if (batch < before + here) {
      const first = (batch - before) * batchSize;
      return { batch, page, first, images: Math.min(batchSize, images - first) };
    }
    before += here;
  }
  return undefined;
}
