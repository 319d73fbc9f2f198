const encoder = new TextEncoder();

/**
 * For a summary in the Web UI. The server's limit is 400 bytes (`limit.userMetadataSummarySize`) with what the payload
 * itself takes, and what the codec adds under the longest key id (test/unit/codec.test.ts).
 */
export const SUMMARY_BYTES = 240;

/** Bytes that a text takes as JSON in UTF-8, without its quotation marks. */
export const jsonBytes = (text: string): number => encoder.encode(JSON.stringify(text)).length - 2;

/**
 * `text`, or as much of its beginning as takes `max` bytes as JSON, with an ellipsis. So a text of wide letters or of
 * characters that JSON escapes is no larger in a payload than one of plain letters. Cuts no character in two.
 */
export function cutToBytes(text: string, max: number): string {
  // No UTF-16 unit takes more than six bytes (`\u0000`).
  if (text.length * 6 <= max || jsonBytes(text) <= max) return text;
  let bytes = jsonBytes(ELLIPSIS);
  let kept = '';
  for (const character of text) {
    bytes += jsonBytes(character);
    if (bytes > max) break;
    kept += character;
  }
  return kept + ELLIPSIS;
}

const ELLIPSIS = '…';
