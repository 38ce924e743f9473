/**
 * JSON that stays text. An index part lists every service of a namespace, of which a proxy looks at few: parsing them all would
 * leave a heap several times their size behind. So the list is left as it stands in the line, for `packed-list.ts` to keep.
 * What is skipped here is well-formed: an API server wrote it.
 */

const quote = 0x22;
const comma = 0x2c;
const colon = 0x3a;
const backslash = 0x5c;
const openBracket = 0x5b;
const closeBracket = 0x5d;
const openBrace = 0x7b;
const closeBrace = 0x7d;

/** A JSON list as bytes of the line that it came in: whoever keeps it keeps the line. */
export class RawList {
  /** From `[` to `]`. */
  readonly bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }

  static of(items: readonly unknown[]): RawList {
    return new RawList(new TextEncoder().encode(JSON.stringify(items)));
  }

  /** Calls with where each element begins and ends. */
  each(visit: (start: number, end: number) => void): void {
    const { bytes } = this;
    for (let at = skipSpace(bytes, 1); bytes[at] !== closeBracket && at < bytes.length; ) {
      const end = skipValue(bytes, at);
      if (end === at) return;
      visit(at, end);
      at = skipSpace(bytes, end);
      if (bytes[at] === comma) at = skipSpace(bytes, at + 1);
    }
  }
}

/** Parses an object whose list at `path` stays raw; where there is no list, everything is parsed. Throws SyntaxError. */
export function parseKeeping(bytes: Uint8Array, path: readonly string[]): unknown {
  const decoder = new TextDecoder();
  let at = skipSpace(bytes, 0);
  for (const name of path) {
    at = findMember(bytes, at, name);
    if (at < 0) break;
  }
  if (at < 0 || bytes[at] !== openBracket) return JSON.parse(decoder.decode(bytes));
  const end = skipValue(bytes, at);
  const without = `${decoder.decode(bytes.subarray(0, at))}null${decoder.decode(bytes.subarray(end))}`;
  const value: unknown = JSON.parse(without);
  let holder = value as Record<string, unknown>;
  for (const name of path.slice(0, -1)) holder = holder[name] as Record<string, unknown>;
  holder[path.at(-1) ?? ""] = new RawList(bytes.subarray(at, end));
  return value;
}

/** Where the value of a member of the object at `at` begins; -1 without one. Names are ASCII without escapes. */
export function findMember(bytes: Uint8Array, at: number, name: string): number {
  for (let next = firstMember(bytes, at); next >= 0; next = nextMember(bytes, next)) {
    const value = memberValue(bytes, next);
    if (value >= 0 && memberIs(bytes, next, name)) return value;
  }
  return -1;
}

/** Where the first member of the object at `at` begins, its name's quote; -1 when there is none. */
export function firstMember(bytes: Uint8Array, at: number): number {
  return bytes[at] === openBrace ? quoteAt(bytes, skipSpace(bytes, at + 1)) : -1;
}

/** The member behind the one at `member`; -1 when that is the last. */
export function nextMember(bytes: Uint8Array, member: number): number {
  const value = memberValue(bytes, member);
  if (value < 0) return -1;
  const end = skipSpace(bytes, skipValue(bytes, value));
  return quoteAt(bytes, bytes[end] === comma ? skipSpace(bytes, end + 1) : end);
}

/** Where the value of the member at `member` begins; -1 when there is none. */
export function memberValue(bytes: Uint8Array, member: number): number {
  const separator = skipSpace(bytes, skipString(bytes, member));
  return bytes[separator] === colon ? skipSpace(bytes, separator + 1) : -1;
}

/** Whether the member at `member` has this name. */
export function memberIs(bytes: Uint8Array, member: number, name: string): boolean {
  for (let i = 0; i < name.length; i++) if (bytes[member + 1 + i] !== name.charCodeAt(i)) return false;
  return bytes[member + 1 + name.length] === quote;
}

function quoteAt(bytes: Uint8Array, at: number): number {
  return bytes[at] === quote ? at : -1;
}

/** The end of the value that begins at `at`. */
export function skipValue(bytes: Uint8Array, at: number): number {
  const first = bytes[at];
  if (first === quote) return skipString(bytes, at);
  if (first === openBrace || first === openBracket) {
    let depth = 0;
    for (let i = at; i < bytes.length; ) {
      const byte = bytes[i];
      if (byte === quote) {
        i = skipString(bytes, i);
        continue;
      }
      i++;
      if (byte === openBrace || byte === openBracket) depth++;
      else if ((byte === closeBrace || byte === closeBracket) && --depth === 0) return i;
    }
    return bytes.length;
  }
  let i = at;
  while (i < bytes.length && !endsLiteral(bytes[i] ?? 0)) i++;
  return i;
}

function skipString(bytes: Uint8Array, at: number): number {
  let i = at + 1;
  while (i < bytes.length && bytes[i] !== quote) i += bytes[i] === backslash ? 2 : 1;
  return i + 1;
}

function endsLiteral(byte: number): boolean {
  return byte === comma || byte === closeBracket || byte === closeBrace || byte <= 0x20;
}

function skipSpace(bytes: Uint8Array, at: number): number {
  let i = at;
  while (i < bytes.length && (bytes[i] ?? 0) <= 0x20) i++;
  return i;
}
