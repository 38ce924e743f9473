/**
 * Writes field blocks (RFC 7541 section 6).
 *
 * A field enters the dynamic table when it comes a second time: what every request repeats is a byte from the third on,
 * and ids, times and paths with queries push nothing out. Strings are not Huffman-coded: bytes inside a cluster cost less
 * than the time to code them. Secrets never enter a table (section 7.1.3).
 */
import type { ByteBuffer } from "../byte-buffer.ts";
import { ENTRY_OVERHEAD, STATIC_FIELDS } from "./static-table.ts";

/** Of the peer's table we use at most this, which is the protocol's initial value. */
const MAX_TABLE_BYTES = 4096;
/** Rows that a table begins with; powers of two, up to what fits when entries count their overhead alone. */
const FIRST_ROWS = 16;
const STATIC_COUNT = STATIC_FIELDS.length;

/** Places of the index by hash, of which a field may stand in some; and of the memory of fields that came once. */
const PLACES = 128;
const PROBES = 4;
const ONCE_PLACES = 64;

/** Of longer values only beginning and end are hashed: those tell them apart, and a hit is compared whole. */
const HASHED_HEAD = 8;
const HASHED_TAIL = 16;

const NEVER_INDEXED = 0x10;
const UNINDEXED = 0x00;
const INDEXING = 0x40;
const INDEXED = 0x80;
const RESIZE = 0x20;

function hashName(bytes: Uint8Array, start: number, end: number): number {
  let hash = end - start;
  for (let at = start; at < end; at++) hash = (Math.imul(hash, 31) + (bytes[at] as number)) | 0;
  return hash;
}

function hashField(name: number, bytes: Uint8Array, start: number, end: number): number {
  let hash = (Math.imul(name, 31) + end - start) | 0;
  let at = start;
  if (end - start > HASHED_HEAD + HASHED_TAIL) {
    for (; at < start + HASHED_HEAD; at++) hash = (Math.imul(hash, 31) + (bytes[at] as number)) | 0;
    at = end - HASHED_TAIL;
  }
  for (; at < end; at++) hash = (Math.imul(hash, 31) + (bytes[at] as number)) | 0;
  return hash ^ (hash >>> 15);
}

/** An entry: name and value behind each other. */
class Row {
  readonly bytes: Uint8Array;
  readonly nameLength: number;

  constructor(bytes: Uint8Array, nameLength: number) {
    this.bytes = bytes;
    this.nameLength = nameLength;
  }

  get size(): number {
    return this.bytes.length + ENTRY_OVERHEAD;
  }

  is(from: Uint8Array, nameStart: number, nameEnd: number, valueStart: number, valueEnd: number): boolean {
    const { bytes, nameLength } = this;
    if (nameEnd - nameStart !== nameLength || bytes.length - nameLength !== valueEnd - valueStart)
      return false;
    for (let at = 0; at < nameLength; at++) if (bytes[at] !== from[nameStart + at]) return false;
    const shift = valueStart - nameLength;
    for (let at = nameLength; at < bytes.length; at++) if (bytes[at] !== from[shift + at]) return false;
    return true;
  }
}

/** What a connection has once it sent a head: small, as thousands may be idle. */
interface Table {
  /** By the number of the insertion, as a ring. */
  rows: (Row | undefined)[];
  /** By hash, the number of the row that was inserted; 0 for none. */
  readonly index: Int32Array;
  readonly once: Int32Array;
}

export class Encoder {
  /**
   * Whether the block written last would be written the same way again: every field stood in a table, or never will. With
   * the same `epoch` it may then be repeated as it is.
   */
  repeatable = true;
  /** Changes whenever an index comes to mean another field. */
  epoch = 0;
  #table: Table | undefined;
  #capacity = MAX_TABLE_BYTES;
  #size = 0;
  #inserted = 0;
  #count = 0;
  /** The peer's limit changed: the smallest since the last block, and the one now (RFC 7541 section 4.2); -1: not. */
  #announceLeast = -1;
  #announce = -1;

  /** One without a table writes blocks that mean the same wherever they stand. */
  static withoutTable(): Encoder {
    const encoder = new Encoder();
    encoder.#capacity = 0;
    return encoder;
  }

  /** The peer's SETTINGS_HEADER_TABLE_SIZE. */
  limit(bytes: number): void {
    const capacity = Math.min(bytes, MAX_TABLE_BYTES);
    if (capacity === this.#capacity && this.#announce < 0) return;
    this.#capacity = capacity;
    this.#announceLeast = this.#announce < 0 ? capacity : Math.min(this.#announceLeast, capacity);
    this.#announce = capacity;
    while (this.#size > capacity) this.#evict();
    this.epoch++;
  }

  /** Starts a block. */
  begin(out: ByteBuffer): void {
    this.repeatable = true;
    if (this.#announce < 0) return;
    if (this.#announceLeast < this.#announce) integer(out, RESIZE, 0x1f, this.#announceLeast);
    integer(out, RESIZE, 0x1f, this.#announce);
    this.#announce = -1;
    this.#announceLeast = -1;
    this.repeatable = false;
  }

  /** A field of the static table as it stands there. */
  static(out: ByteBuffer, index: number): void {
    integer(out, INDEXED, 0x7f, index);
  }

  /** A field, its lower-case name and its value in `bytes`; `secret`: no hop may put it into a table. */
  field(
    out: ByteBuffer,
    bytes: Uint8Array,
    nameStart: number,
    nameEnd: number,
    valueStart: number,
    valueEnd: number,
    secret: boolean,
  ): void {
    const name = hashName(bytes, nameStart, nameEnd);
    const hash = hashField(name, bytes, valueStart, valueEnd);
    const found = this.#find(hash, bytes, nameStart, nameEnd, valueStart, valueEnd);
    if (found > 0 && !secret) {
      integer(out, INDEXED, 0x7f, found);
      return;
    }
    const nameIndex = staticName(name, bytes, nameStart, nameEnd);
    let form = UNINDEXED;
    let prefix = 0x0f;
    if (secret || SECRETS[nameIndex] === 1) form = NEVER_INDEXED;
    else if (this.#cameBefore(hash, nameEnd - nameStart + valueEnd - valueStart + ENTRY_OVERHEAD)) {
      form = INDEXING;
      prefix = 0x3f;
    }
    integer(out, form, prefix, nameIndex);
    if (nameIndex === 0) string(out, bytes, nameStart, nameEnd);
    string(out, bytes, valueStart, valueEnd);
    if (form === INDEXING) this.#insert(hash, bytes, nameStart, nameEnd, valueStart, valueEnd);
  }

  /** The index of the field, or 0. */
  #find(
    hash: number,
    bytes: Uint8Array,
    nameStart: number,
    nameEnd: number,
    valueStart: number,
    valueEnd: number,
  ): number {
    const table = this.#table;
    if (table === undefined) return 0;
    const oldest = this.#inserted - this.#count;
    for (let probe = 0; probe < PROBES; probe++) {
      const number = table.index[(hash + probe) & (PLACES - 1)] as number;
      if (number <= oldest) continue;
      const row = table.rows[number & (table.rows.length - 1)] as Row;
      if (row.is(bytes, nameStart, nameEnd, valueStart, valueEnd))
        return STATIC_COUNT + 1 + this.#inserted - number;
    }
    return 0;
  }

  /** Whether the field is worth an entry: it has come before, and leaves room for others. */
  #cameBefore(hash: number, size: number): boolean {
    if (size > this.#capacity >> 1) return false;
    this.repeatable = false;
    this.#table ??= {
      rows: new Array<Row | undefined>(FIRST_ROWS).fill(undefined),
      index: new Int32Array(PLACES),
      once: new Int32Array(ONCE_PLACES),
    };
    const { once } = this.#table;
    const place = hash & (ONCE_PLACES - 1);
    if (once[place] === hash) return true;
    once[place] = hash;
    return false;
  }

  #insert(
    hash: number,
    bytes: Uint8Array,
    nameStart: number,
    nameEnd: number,
    valueStart: number,
    valueEnd: number,
  ): void {
    const table = this.#table as Table;
    const nameLength = nameEnd - nameStart;
    const copy = new Uint8Array(nameLength + valueEnd - valueStart);
    for (let at = 0; at < nameLength; at++) copy[at] = bytes[nameStart + at] as number;
    for (let at = nameLength; at < copy.length; at++)
      copy[at] = bytes[valueStart + at - nameLength] as number;
    const row = new Row(copy, nameLength);
    while (this.#size + row.size > this.#capacity) this.#evict();
    if (this.#count === table.rows.length) this.#grow(table);
    this.#inserted++;
    this.#count++;
    this.#size += row.size;
    this.epoch++;
    table.rows[this.#inserted & (table.rows.length - 1)] = row;
    const oldest = this.#inserted - this.#count;
    let place = hash & (PLACES - 1);
    for (let probe = 0; probe < PROBES; probe++) {
      const candidate = (hash + probe) & (PLACES - 1);
      if ((table.index[candidate] as number) < (table.index[place] as number)) place = candidate;
      if ((table.index[place] as number) <= oldest) break;
    }
    table.index[place] = this.#inserted;
  }

  #grow(table: Table): void {
    const { rows } = table;
    const grown = new Array<Row | undefined>(rows.length * 2).fill(undefined);
    for (let age = 0; age < this.#count; age++) {
      const number = this.#inserted - age;
      grown[number & (grown.length - 1)] = rows[number & (rows.length - 1)];
    }
    table.rows = grown;
  }

  #evict(): void {
    const { rows } = this.#table as Table;
    const place = (this.#inserted - this.#count + 1) & (rows.length - 1);
    this.#size -= (rows[place] as Row).size;
    rows[place] = undefined;
    this.#count--;
  }
}

function integer(out: ByteBuffer, form: number, prefix: number, value: number): void {
  out.reserve(6);
  const { bytes } = out;
  if (value < prefix) {
    bytes[out.length++] = form | value;
    return;
  }
  bytes[out.length++] = form | prefix;
  let rest = value - prefix;
  while (rest >= 0x80) {
    bytes[out.length++] = (rest & 0x7f) | 0x80;
    rest >>>= 7;
  }
  bytes[out.length++] = rest;
}

function string(out: ByteBuffer, bytes: Uint8Array, start: number, end: number): void {
  integer(out, 0, 0x7f, end - start);
  out.append(bytes, start, end);
}

/** The static table's names, by hash with open addressing: what is there is the first index of the name. */
const NAME_PLACES = 256;
const NAMES: readonly Uint8Array[] = STATIC_FIELDS.map(([name]) => Buffer.from(name, "latin1"));
const NAME_INDEX = new Uint8Array(NAME_PLACES);
const SECRETS = new Uint8Array(STATIC_COUNT + 1);
for (let index = 1; index <= STATIC_COUNT; index++) {
  const name = NAMES[index - 1] as Uint8Array;
  const hash = hashName(name, 0, name.length);
  if (staticName(hash, name, 0, name.length) !== 0) continue;
  let place = hash & (NAME_PLACES - 1);
  while (NAME_INDEX[place] !== 0) place = (place + 1) & (NAME_PLACES - 1);
  NAME_INDEX[place] = index;
  const text = (STATIC_FIELDS[index - 1] as readonly [string, string])[0];
  if (["authorization", "proxy-authorization", "cookie", "set-cookie"].includes(text)) SECRETS[index] = 1;
}

/** The name's index in the static table, or 0. */
function staticName(hash: number, bytes: Uint8Array, start: number, end: number): number {
  for (let place = hash & (NAME_PLACES - 1); ; place = (place + 1) & (NAME_PLACES - 1)) {
    const index = NAME_INDEX[place] as number;
    if (index === 0) return 0;
    const name = NAMES[index - 1] as Uint8Array;
    if (name.length !== end - start) continue;
    let at = 0;
    while (at < name.length && name[at] === bytes[start + at]) at++;
    if (at === name.length) return index;
  }
}
