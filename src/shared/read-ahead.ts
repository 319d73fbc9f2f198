/** Reads under way at once: a bucket answers each in some 50 ms. */
const AT_ONCE = 32;

/**
 * What is read of each item, in the items' order; a few reads are under way ahead of the one that is taken.
 *
 * @param atOnce - Reads under way; 32 where nothing is said.
 */
export async function* readAhead<T, R>(
  items: Iterable<T>,
  read: (item: T) => Promise<R>,
  atOnce = AT_ONCE,
): AsyncGenerator<R, void, undefined> {
  const ahead: Promise<R>[] = [];
  for (const item of items) {
    const result = read(item);
    // Its failure is told when its turn comes, or never when nobody takes it any more.
    result.catch(() => undefined);
    ahead.push(result);
    if (ahead.length < atOnce) continue;
    const next = ahead.shift();
    if (next !== undefined) yield await next;
  }
  for (const result of ahead) yield await result;
}
