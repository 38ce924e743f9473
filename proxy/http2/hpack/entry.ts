/**
 * A field in one of a decoder's tables, kept as the line that it becomes in a head: a field that comes again by its index
 * is one copy, and what was found out about it once need not be looked at again.
 */
import { ENTRY_OVERHEAD, STATIC_FIELDS } from "./static-table.ts";

/** Nobody has looked at it yet. */
export const UNJUDGED = 0x40000000;

export class Entry {
  /** `name: value`, CR and LF. */
  readonly line: Uint8Array;
  readonly nameEnd: number;
  /** What it counts in a table (RFC 7541 section 4.1). */
  readonly size: number;
  /** What the user of the decoder found out about the field, once. */
  facts = UNJUDGED;
  #value: string | undefined;

  constructor(line: Uint8Array, nameEnd: number) {
    this.line = line;
    this.nameEnd = nameEnd;
    this.size = fieldSize(nameEnd, line.length - nameEnd - 4);
  }

  get value(): string {
    const { line } = this;
    this.#value ??= Buffer.from(line.buffer, line.byteOffset, line.length).toString(
      "latin1",
      this.nameEnd + 2,
      line.length - 2,
    );
    return this.#value;
  }
}

export function fieldSize(nameLength: number, valueLength: number): number {
  return nameLength + valueLength + ENTRY_OVERHEAD;
}

/** The static table's; undefined at 0, which is no index. */
export const STATIC_ENTRIES: readonly (Entry | undefined)[] = [
  undefined,
  ...STATIC_FIELDS.map(
    ([name, value]) => new Entry(Buffer.from(`${name}: ${value}\r\n`, "latin1"), name.length),
  ),
];
