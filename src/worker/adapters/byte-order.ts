/**
 * Compares two names by the bytes of their UTF-8 form, which is the order in which Cloud Storage lists objects.
 * JavaScript's own `<` compares UTF-16 units and puts U+1F600 before U+FFEE.
 */
export function compareBytes(a: string, b: string): number {
  const shared = Math.min(a.length, b.length);
  for (let i = 0; i < shared; i++) {
    const [left, right] = [a.charCodeAt(i), b.charCodeAt(i)];
    if (left !== right) return rank(left) - rank(right);
  }
  return a.length - b.length;
}

/** Moves surrogates (code points beyond U+FFFF) behind the units U+E000 to U+FFFF. */
const rank = (unit: number): number =>
  unit >= 0xe000 ? unit - 0x800 : unit >= 0xd800 ? unit + 0x2000 : unit;
