/**
 * Reads field blocks (RFC 7541 sections 3 and 6). It knows representations and tables; what fields mean, and how many may
 * come, is its sink's affair.
 */
import type { ByteBuffer } from "../byte-buffer.ts";
import { DynamicTable } from "./dynamic-table.ts";
import { Entry, STATIC_ENTRIES } from "./entry.ts";
import { decodeHuffman } from "./huffman.ts";

/** What we allow the peer's encoder: the protocol's initial value, so that nothing need be announced. */
export const TABLE_BYTES = 4096;

/** Takes the fields of a block, one after another. */
export interface FieldSink {
  /** A field that stands in a table, from now on or before. */
  indexed(entry: Entry): void;
  /**
   * A field that stands in no table: its line is in the buffer, `[start, end)`, its name up to `nameEnd`, and is kept by
   * moving the buffer's length behind it. `never`: no hop may put it into a table (section 6.2.3).
   */
  literal(start: number, nameEnd: number, end: number, never: boolean): void;
}

const STATIC_COUNT = STATIC_ENTRIES.length - 1;
/** Larger numbers than these have no use, and one step more would leave 32 bits. */
const MAX_INTEGER = 1 << 24;
const COLON = 0x3a;
const SP = 0x20;
const CR = 0x0d;
const LF = 0x0a;

export class Decoder {
  readonly #table = new DynamicTable(TABLE_BYTES);
  /** Where reading goes on; -1 after an error. */
  #at = 0;
  /** Where the string that was read last ends in the buffer. */
  #to = 0;

  /** Changes whenever the same bytes may come to mean other fields. */
  get epoch(): number {
    return this.#table.epoch;
  }

  /** Reads the block `bytes[start, end)`; false when it is malformed, which ends the connection (section 2.4 of RFC 9113's 4.3). */
  decode(bytes: Uint8Array, start: number, end: number, lines: ByteBuffer, sink: FieldSink): boolean {
    let at = this.#sizeUpdates(bytes, start, end);
    while (at >= 0 && at < end) {
      const first = bytes[at] as number;
      if (first >= 0x80) {
        let index = first & 0x7f;
        if (index === 0x7f) {
          index = this.#integer(bytes, at, end, 0x7f);
          at = this.#at;
        } else at++;
        if (at < 0) return false;
        const entry =
          index <= STATIC_COUNT ? STATIC_ENTRIES[index] : this.#table.get(index - STATIC_COUNT - 1);
        if (entry === undefined) return false;
        sink.indexed(entry);
      } else if (first >= 0x40) at = this.#literal(bytes, at, end, 0x3f, lines, sink);
      else if (first >= 0x20) return false;
      else at = this.#literal(bytes, at, end, 0x0f, lines, sink);
    }
    return at === end;
  }

  /** Changes of the table's size stand at a block's start alone (section 4.2); the offset behind them, or -1. */
  #sizeUpdates(bytes: Uint8Array, start: number, end: number): number {
    let at = start;
    while (at < end && (bytes[at] as number) >> 5 === 1) {
      const capacity = this.#integer(bytes, at, end, 0x1f);
      at = this.#at;
      if (at < 0 || capacity > TABLE_BYTES) return -1;
      this.#table.resize(capacity);
    }
    return at;
  }

  #literal(
    bytes: Uint8Array,
    from: number,
    end: number,
    prefix: number,
    lines: ByteBuffer,
    sink: FieldSink,
  ): number {
    const start = lines.length;
    const first = bytes[from] as number;
    let index = first & prefix;
    let at = from + 1;
    if (index === prefix) {
      index = this.#integer(bytes, from, end, prefix);
      at = this.#at;
      if (at < 0) return -1;
    }
    if (index === 0) at = this.#string(bytes, at, end, lines, start);
    else {
      const entry = index <= STATIC_COUNT ? STATIC_ENTRIES[index] : this.#table.get(index - STATIC_COUNT - 1);
      if (entry === undefined) return -1;
      lines.append(entry.line, 0, entry.nameEnd);
      this.#to = lines.length;
      lines.length = start;
    }
    if (at < 0) return -1;
    const nameEnd = this.#to;
    at = this.#string(bytes, at, end, lines, nameEnd + 2);
    if (at < 0) return -1;
    const lineEnd = this.#to + 2;
    const target = lines.bytes;
    target[nameEnd] = COLON;
    target[nameEnd + 1] = SP;
    target[lineEnd - 2] = CR;
    target[lineEnd - 1] = LF;
    if (prefix === 0x0f) sink.literal(start, nameEnd, lineEnd, (first & 0x10) !== 0);
    else {
      const entry = new Entry(Uint8Array.prototype.slice.call(target, start, lineEnd), nameEnd - start);
      this.#table.add(entry);
      sink.indexed(entry);
    }
    return at;
  }

  /** Reads a string to the buffer's offset `to`; the offset behind it in `bytes`, or -1. */
  #string(bytes: Uint8Array, from: number, end: number, lines: ByteBuffer, to: number): number {
    if (from >= end) return -1;
    const first = bytes[from] as number;
    let length = first & 0x7f;
    let at = from + 1;
    if (length === 0x7f) {
      length = this.#integer(bytes, from, end, 0x7f);
      at = this.#at;
      if (at < 0) return -1;
    }
    const after = at + length;
    if (after > end) return -1;
    const kept = lines.length;
    lines.length = to;
    if (first < 0x80) {
      // With room for what stands around a value.
      lines.reserve(length + 4);
      lines.append(bytes, at, after);
      this.#to = to + length;
    } else {
      lines.reserve(((length * 8) / 5 + 5) | 0);
      this.#to = decodeHuffman(bytes, at, after, lines.bytes, to);
    }
    lines.length = kept;
    return this.#to < 0 ? -1 : after;
  }

  /** Reads an integer whose first byte has this prefix (section 5.1); `#at` is the offset behind it, or -1. */
  #integer(bytes: Uint8Array, from: number, end: number, prefix: number): number {
    let value = (bytes[from] as number) & prefix;
    let at = from + 1;
    if (value < prefix) {
      this.#at = at;
      return value;
    }
    for (let shift = 0; shift <= 21; shift += 7) {
      if (at >= end) break;
      const byte = bytes[at++] as number;
      value += (byte & 0x7f) << shift;
      if (byte < 0x80) {
        this.#at = value <= MAX_INTEGER ? at : -1;
        return value;
      }
    }
    this.#at = -1;
    return 0;
  }
}
