/** Hashing for consistent balancing: fast on short strings, even in all 32 bits, and the same in every proxy. */

const P2 = 0x85ebca77;
const P3 = 0xc2b2ae3d;
const P4 = 0x27d4eb2f;
const P5 = 0x165667b1;

/** A 32-bit hash of the text's UTF-16 units, two at a time: xxHash32's rounds for short inputs. */
export function hashString(text: string, seed = 0): number {
  const { length } = text;
  let h = (seed + P5 + length) | 0;
  let i = 0;
  for (; i + 1 < length; i += 2) {
    const word = text.charCodeAt(i) | (text.charCodeAt(i + 1) << 16);
    h = (h + Math.imul(word, P3)) | 0;
    h = Math.imul((h << 17) | (h >>> 15), P4);
  }
  if (i < length) {
    h = (h + Math.imul(text.charCodeAt(i), P5)) | 0;
    h = Math.imul((h << 11) | (h >>> 21), 0x9e3779b1);
  }
  return mix(h);
}

/** Spreads every bit over all 32; a bijection. */
export function mix(value: number): number {
  let h = value | 0;
  h = Math.imul(h ^ (h >>> 15), P2);
  h = Math.imul(h ^ (h >>> 13), P3);
  return (h ^ (h >>> 16)) >>> 0;
}
