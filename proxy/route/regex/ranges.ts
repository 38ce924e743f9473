/** Inclusive code-unit ranges, sorted, not touching each other: [from, to, from, to, …]. */
export type Ranges = readonly number[];

const lastUnit = 0xffff;

/** Sorted and merged. */
export function normalize(ranges: Ranges): Ranges {
  const pairs: [number, number][] = [];
  for (let i = 0; i + 1 < ranges.length; i += 2) pairs.push([ranges[i] ?? 0, ranges[i + 1] ?? 0]);
  pairs.sort((a, b) => a[0] - b[0]);
  const merged: number[] = [];
  for (const [from, to] of pairs) {
    const last = merged.at(-1);
    if (last !== undefined && from <= last + 1) merged[merged.length - 1] = Math.max(last, to);
    else merged.push(from, to);
  }
  return merged;
}

/** Every code unit that is in none of the ranges. */
export function negate(ranges: Ranges): Ranges {
  const negated: number[] = [];
  let from = 0;
  for (let i = 0; i + 1 < ranges.length; i += 2) {
    const start = ranges[i] ?? 0;
    if (start > from) negated.push(from, start - 1);
    from = (ranges[i + 1] ?? 0) + 1;
  }
  if (from <= lastUnit) negated.push(from, lastUnit);
  return negated;
}

/** Beyond this many characters only ASCII is folded: a wide class holds both cases already. */
const widestFold = 1000;

/** The ranges with the other case of each letter. */
export function foldCase(ranges: Ranges): Ranges {
  const folded = [...ranges];
  for (let i = 0; i + 1 < ranges.length; i += 2) {
    const from = ranges[i] ?? 0;
    const to = ranges[i + 1] ?? 0;
    const last = to - from > widestFold ? Math.min(to, 0x7f) : to;
    for (let unit = from; unit <= last; unit++) {
      const char = String.fromCharCode(unit);
      for (const other of [char.toLowerCase(), char.toUpperCase()]) {
        if (other.length === 1 && other !== char) folded.push(other.charCodeAt(0), other.charCodeAt(0));
      }
    }
  }
  return normalize(folded);
}

const spans = (text: string): Ranges =>
  normalize(text.split(" ").flatMap((span) => [span.charCodeAt(0), span.charCodeAt(span.length - 1)]));

export const perlClasses: Readonly<Record<string, Ranges>> = {
  d: spans("09"),
  s: [9, 10, 12, 13, 32, 32],
  w: spans("09 AZ _ az"),
};

export const posixClasses: Readonly<Record<string, Ranges>> = {
  alnum: spans("09 AZ az"),
  alpha: spans("AZ az"),
  ascii: [0, 0x7f],
  blank: [9, 9, 32, 32],
  cntrl: [0, 0x1f, 0x7f, 0x7f],
  digit: spans("09"),
  graph: [0x21, 0x7e],
  lower: spans("az"),
  print: [0x20, 0x7e],
  punct: spans("!/ :@ [` {~"),
  space: [9, 13, 32, 32],
  upper: spans("AZ"),
  word: spans("09 AZ _ az"),
  xdigit: spans("09 AF af"),
};

/** `\p{Name}`: a general category or a script, asked of the runtime's own tables; undefined for an unknown name. */
export function unicodeClass(name: string): Ranges | undefined {
  const member = [`\\p{${name}}`, `\\p{Script=${name}}`]
    .map(unicodePattern)
    .find((pattern) => pattern !== undefined);
  if (member === undefined) return undefined;
  const ranges: number[] = [];
  for (let unit = 0; unit <= lastUnit; unit++) {
    if (!member.test(String.fromCharCode(unit))) continue;
    if (ranges.at(-1) === unit - 1) ranges[ranges.length - 1] = unit;
    else ranges.push(unit, unit);
  }
  return ranges;
}

function unicodePattern(source: string): RegExp | undefined {
  try {
    return new RegExp(source, "u");
  } catch {
    return undefined;
  }
}
