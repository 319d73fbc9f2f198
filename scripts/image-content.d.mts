/** Bytes of a copy by part, the largest first. */
export function sizesOf(folder: string): { part: string; bytes: number }[];
/** Paths, below the clone, of what a kind of image holds. */
export function contentOf(kind: 'worker' | 'full'): Promise<string[]>;
