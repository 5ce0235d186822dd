/**
 * Order of texts by their UTF-8 bytes, as databases with binary keys have it. It differs from JavaScript's order of
 * UTF-16 units only where one text has a surrogate pair and the other a unit from U+E000 on.
 */

/** Moves surrogates above U+E000..U+FFFF, which is where their code points belong. */
function rank(unit: number): number {
  if (unit < 0xd800) return unit;
  return unit >= 0xe000 ? unit - 0x800 : unit + 0x2000;
}

/** Negative when `a` comes first, 0 when they are equal. Both are well-formed Unicode. */
export function compareBytes(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const left = a.charCodeAt(i);
    const right = b.charCodeAt(i);
    if (left !== right) return rank(left) - rank(right);
  }
  return a.length - b.length;
}
