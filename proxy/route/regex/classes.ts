/** What stands for one character: escapes, and classes in brackets. */
import type { Cursor } from "./cursor.ts";
import { negate, normalize, perlClasses, posixClasses, type Ranges, unicodeClass } from "./ranges.ts";

/** Code units stand for characters. */
export const lastUnit = 0xffff;

/** `\d`, `\pL` and their like after the backslash; undefined (nothing taken) for anything else. */
export function escapedClass(cursor: Cursor): Ranges | undefined {
  const char = cursor.peek();
  const perl = perlClasses[char.toLowerCase()];
  if (perl !== undefined && /[dswDSW]/.test(char)) {
    cursor.next();
    return char === char.toLowerCase() ? perl : negate(perl);
  }
  if (char !== "p" && char !== "P") return undefined;
  cursor.next();
  const braced = cursor.match(/^(?:\{(\^?)([A-Za-z_]+)\}|([A-Z]))/, 50);
  if (braced === null) cursor.fail("expected \\p{Name} or \\pN");
  const ranges = unicodeClass(braced[2] ?? braced[3] ?? "");
  if (ranges === undefined) cursor.fail("an unknown Unicode class");
  return (char === "P") !== (braced[1] === "^") ? negate(ranges) : ranges;
}

/** One escaped character after the backslash, as a code unit. */
export function escapedUnit(cursor: Cursor): number {
  const char = cursor.next();
  const control = "afnrtv".indexOf(char);
  if (control >= 0) return [7, 12, 10, 13, 9, 11][control] ?? 0;
  if (char === "x") {
    const hex = cursor.match(/^(?:([0-9A-Fa-f]{2})|\{([0-9A-Fa-f]{1,6})\})/, 8);
    if (hex === null) cursor.fail("expected two hex digits or {…} after \\x");
    return Math.min(Number.parseInt(hex[1] ?? hex[2] ?? "0", 16), lastUnit);
  }
  if (/[0-7]/.test(char)) {
    const octal = cursor.test(/^[0-7]{1,2}/, 2);
    // As RE2: \0 and \123 are octal, \1 would be a back-reference.
    if (char !== "0" && octal === null) cursor.fail("a back-reference");
    cursor.take(octal?.[0] ?? "");
    return Number.parseInt(char + (octal?.[0] ?? ""), 8);
  }
  if (/[A-Za-z0-9]/.test(char)) cursor.fail(`the unknown escape \\${char}`);
  return char.charCodeAt(0);
}

/** The rest of a class after its `[`; `fold` is told what it has before it is negated. */
export function charClass(cursor: Cursor, fold: (ranges: Ranges) => Ranges): Ranges {
  const negated = cursor.take("^");
  const ranges: number[] = [];
  for (let first = true; first || cursor.peek() !== "]"; first = false) {
    if (cursor.done) cursor.fail("missing ]");
    ranges.push(...(namedClass(cursor) ?? range(cursor)));
  }
  cursor.next();
  const folded = fold(normalize(ranges));
  return negated ? negate(folded) : folded;
}

/** `[:alpha:]` or `\d` within brackets; undefined (nothing taken) for a character. */
function namedClass(cursor: Cursor): Ranges | undefined {
  const posix = cursor.test(/^\[:(\^?)([a-z]+):\]/, 14);
  if (posix !== null) {
    const known = posixClasses[posix[2] ?? ""];
    if (known === undefined) cursor.fail(`the unknown class ${posix[0]}`);
    cursor.take(posix[0]);
    return posix[1] === "^" ? negate(known) : known;
  }
  if (!cursor.take("\\")) return undefined;
  const escaped = escapedClass(cursor);
  if (escaped === undefined) cursor.back();
  return escaped;
}

/** A character within brackets, or `a-z`. */
function range(cursor: Cursor): Ranges {
  const from = classUnit(cursor);
  if (cursor.peek() !== "-" || cursor.peek(1) === "]" || cursor.peek(1) === "") return [from, from];
  cursor.next();
  const to = classUnit(cursor);
  if (to < from) cursor.fail("a range the wrong way round");
  return [from, to];
}

function classUnit(cursor: Cursor): number {
  const char = cursor.next();
  return char === "\\" ? escapedUnit(cursor) : char.charCodeAt(0);
}
