const BLOCK_CHARACTERS = 1 << 16;

/** Joins small pieces of text into larger ones, so that a file of many short lines costs few writes. */
export async function* inBlocks(pieces: Iterable<string> | AsyncIterable<string>): AsyncGenerator<string> {
  let block = '';
  for await (const piece of pieces) {
    block += piece;
    if (block.length < BLOCK_CHARACTERS) continue;
    yield block;
    block = '';
  }
  if (block !== '') yield block;
}
