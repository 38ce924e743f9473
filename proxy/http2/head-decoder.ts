/**
 * Field blocks as heads: fields become the lines of an HTTP/1.1 head, in one pass and checked on the way, so that all that
 * is asked of a head, and every writer, need not know which version it came in.
 *
 * One decoder of heads serves the process: a block is read from its first byte to its last in one go.
 */
import { equalsIgnoreCase, text } from "../http/characters.ts";
import { CONNECTION, HOST_FIELD, OTHER, UPGRADE } from "../http/field-kinds.ts";
import { type Head, MAX_HEAD_BYTES, MAX_HEADERS, STRIDE } from "../http/head.ts";
import * as refuse from "../http/refusal.ts";
import { CONNECT, RequestHead } from "../http/request-head.ts";
import type { ResponseHead } from "../http/response-head.ts";
import { ByteBuffer } from "./byte-buffer.ts";
import {
  AUTHORITY,
  COOKIE,
  judge,
  METHOD,
  PATH,
  PROTOCOL,
  PSEUDO_MASK,
  PSEUDO_SHIFT,
  STATUS,
} from "./field-rules.ts";
import type { Decoder, FieldSink } from "./hpack/decoder.ts";
import { type Entry, fieldSize, UNJUDGED } from "./hpack/entry.ts";
import { isExtended, REQUEST_FIELDS, requestLine } from "./request-line.ts";

/** The block was read, and the head is whole and in order. */
export const DECODED = 0;
/** The tables of both sides may differ from here on: the connection ends with COMPRESSION_ERROR. */
export const UNDECODABLE = 1;

/** Besides what Envoy counts as a head, each field counts 32 bytes (RFC 9113 section 6.5.2). */
export const MAX_LIST_BYTES = MAX_HEAD_BYTES + MAX_HEADERS * 32;

const SEEN_HOST = 1 << 8;

export class HeadDecoder implements FieldSink {
  readonly #lines = new ByteBuffer();
  #head: Head = NOBODY;
  /** Pseudo-header fields that this kind of message has; 0 for trailers. */
  #allowed = 0;
  #seen = 0;
  #refused = 0;
  #fieldsBegun = false;
  #listBytes = 0;
  #method = "";
  #path = "";
  #authority = "";
  #protocol = "";
  #status = "";
  #cookie: string | undefined;

  /** Reads a request's head. `DECODED`, `UNDECODABLE`, or a refusal: then only the table has been kept in step. */
  request(hpack: Decoder, bytes: Uint8Array, start: number, end: number, head: RequestHead): number {
    const result = this.#decode(hpack, bytes, start, end, head, REQUEST_FIELDS);
    if (result !== DECODED) return result;
    head.extended = isExtended(this.#seen);
    head.method = head.extended ? "GET" : this.#method;
    head.authority = this.#authority;
    head.targetStart = head.start + head.method.length + 1;
    if (head.method === CONNECT) head.targetEnd = head.targetStart + this.#authority.length;
    else {
      head.targetEnd = head.targetStart + this.#path.length;
      head.path = this.#path;
    }
    // What follows is the tunnel's, and no reader may take it for a body (RFC 9110 section 9.3.6).
    return head.asksForTunnel && head.hasBody ? refuse.CONNECT_BODY : DECODED;
  }

  response(hpack: Decoder, bytes: Uint8Array, start: number, end: number, head: ResponseHead): number {
    const result = this.#decode(hpack, bytes, start, end, head, 1 << STATUS);
    if (result !== DECODED) return result;
    head.status = Number(this.#status);
    head.statusStart = head.start + "HTTP/1.1 ".length;
    return DECODED;
  }

  /** Trailers: fields alone. */
  trailers(hpack: Decoder, bytes: Uint8Array, start: number, end: number, head: Head): number {
    return this.#decode(hpack, bytes, start, end, head, 0);
  }

  #decode(
    hpack: Decoder,
    bytes: Uint8Array,
    start: number,
    end: number,
    head: Head,
    allowed: number,
  ): number {
    const lines = this.#lines;
    lines.length = 0;
    head.reset(lines.bytes, 0);
    this.#head = head;
    this.#allowed = allowed;
    this.#seen = 0;
    this.#refused = 0;
    this.#fieldsBegun = false;
    this.#listBytes = 0;
    this.#cookie = undefined;
    const decoded = hpack.decode(bytes, start, end, lines, this);
    this.#head = NOBODY;
    if (!decoded) return UNDECODABLE;
    this.#head = head;
    if (this.#refused === 0) this.#finish();
    this.#head = NOBODY;
    return this.#refused;
  }

  indexed(entry: Entry): void {
    let { facts } = entry;
    if (facts === UNJUDGED) {
      facts = judge(entry.line, 0, entry.nameEnd, entry.line.length);
      entry.facts = facts;
    }
    this.#listBytes += entry.size;
    if (!this.#admits(facts)) return;
    if ((facts & PSEUDO_MASK) !== 0) {
      this.#pseudo(facts >> PSEUDO_SHIFT, entry.value);
      return;
    }
    if ((facts & COOKIE) !== 0) {
      this.#crumb(entry.value);
      return;
    }
    if (!this.#fieldsBegun) this.#beginFields();
    const lines = this.#lines;
    const start = lines.length;
    lines.append(entry.line, 0, entry.line.length);
    this.#line(facts, start, start + entry.nameEnd, lines.length);
  }

  literal(start: number, nameEnd: number, end: number, never: boolean): void {
    this.#listBytes += fieldSize(nameEnd - start, end - nameEnd - 4);
    const { bytes } = this.#lines;
    const facts = judge(bytes, start, nameEnd, end);
    if (!this.#admits(facts)) return;
    if ((facts & PSEUDO_MASK) !== 0) {
      this.#pseudo(facts >> PSEUDO_SHIFT, text(bytes, nameEnd + 2, end - 2));
      return;
    }
    if ((facts & COOKIE) !== 0) {
      this.#crumb(text(bytes, nameEnd + 2, end - 2));
      return;
    }
    const lines = this.#lines;
    let at = start;
    if (this.#fieldsBegun) lines.length = end;
    else {
      // The first line goes first: this one makes way for it and is written again behind.
      const line = text(bytes, start, end);
      this.#beginFields();
      at = lines.length;
      lines.text(line);
    }
    if (never) {
      this.#head.neverIndexed ??= new Set();
      this.#head.neverIndexed.add(this.#head.fields.length);
    }
    this.#line(facts, at, at + nameEnd - start, lines.length);
  }

  /** Whether a field of these facts is to be kept; of a head that is refused already nothing is. */
  #admits(facts: number): boolean {
    if (this.#refused < 0) return false;
    if (facts < 0) this.#refused = facts;
    else if (this.#listBytes > MAX_LIST_BYTES) this.#refused = refuse.HEAD_TOO_LARGE;
    else if ((facts & PSEUDO_MASK) !== 0) {
      const bit = 1 << (facts >> PSEUDO_SHIFT);
      // Those of the other direction, a second time, or behind other fields (RFC 9113 section 8.3).
      if ((this.#allowed & bit) === 0 || (this.#seen & bit) !== 0 || this.#fieldsBegun) {
        this.#refused = refuse.PSEUDO_FIELD;
      } else this.#seen |= bit;
    }
    return this.#refused === 0;
  }

  #pseudo(which: number, value: string): void {
    if (which === PATH) this.#path = value;
    else if (which === METHOD) this.#method = value;
    else if (which === AUTHORITY) this.#authority = value;
    else if (which === STATUS) this.#status = value;
    else if (which === PROTOCOL) this.#protocol = value;
    // Which scheme it was is the listener's to know.
  }

  #crumb(value: string): void {
    if (!this.#fieldsBegun) this.#beginFields();
    this.#cookie = this.#cookie === undefined ? value : `${this.#cookie}; ${value}`;
  }

  #line(facts: number, start: number, nameEnd: number, end: number): void {
    const lines = this.#lines;
    const fieldKind = facts & 0xff;
    if (fieldKind === HOST_FIELD && !this.#keepsHost(nameEnd + 2, end - 2)) {
      lines.length = start;
      return;
    }
    // HTTP/2 has no use for it (RFC 8441 section 5), and the endpoint gets one of our own.
    if (isExtended(this.#seen) && equalsIgnoreCase(lines.bytes, start, nameEnd, "sec-websocket-key")) {
      lines.length = start;
      return;
    }
    const head = this.#head;
    if (head.fields.length === MAX_HEADERS * STRIDE) {
      this.#refused = refuse.TOO_MANY_HEADERS;
      return;
    }
    head.bytes = lines.bytes;
    const refused = head.add(fieldKind, start, nameEnd, nameEnd + 2, end - 2);
    if (refused < 0) this.#refused = refused;
  }

  /** Host may stand in for :authority; beside it, it must say the same (section 8.3.1). */
  #keepsHost(start: number, end: number): boolean {
    if (this.#allowed !== REQUEST_FIELDS) return true;
    const { bytes } = this.#lines;
    if ((this.#seen & SEEN_HOST) !== 0) {
      this.#refused = refuse.SEVERAL_HOSTS;
      return false;
    }
    this.#seen |= SEEN_HOST;
    if ((this.#seen & (1 << AUTHORITY)) === 0) {
      this.#authority = text(bytes, start, end);
      return true;
    }
    if (!equalsIgnoreCase(bytes, start, end, this.#authority.toLowerCase())) {
      this.#refused = refuse.SEVERAL_HOSTS;
    }
    return false;
  }

  /** Every pseudo-header field is in: writes the first line, and a request's authority as Host. */
  #beginFields(): void {
    this.#fieldsBegun = true;
    const lines = this.#lines;
    const head = this.#head;
    head.start = lines.length;
    if (this.#allowed === REQUEST_FIELDS) {
      const line = this.#requestLine();
      if (typeof line === "string") lines.text(line);
      else this.#refused = line;
    } else if (this.#allowed !== 0) {
      if (this.#seen === 0) this.#refused = refuse.PSEUDO_FIELD;
      lines.text(`HTTP/1.1 ${this.#status} \r\n`);
    }
    head.fieldsStart = lines.length;
    if (this.#refused !== 0) return;
    if ((this.#seen & (1 << AUTHORITY)) !== 0) this.#add(HOST_FIELD, "host", this.#authority);
    if (isExtended(this.#seen)) {
      this.#add(CONNECTION, "connection", "upgrade");
      this.#add(UPGRADE, "upgrade", "websocket");
    }
  }

  /** A line of our own making. */
  #add(fieldKind: number, name: string, value: string): void {
    const lines = this.#lines;
    const head = this.#head;
    const at = lines.length;
    lines.text(`${name}: ${value}\r\n`);
    head.bytes = lines.bytes;
    head.add(fieldKind, at, at + name.length, at + name.length + 2, lines.length - 2);
  }

  #requestLine(): string | number {
    return requestLine(this.#seen, this.#method, this.#path, this.#authority, this.#protocol);
  }

  #finish(): void {
    if (!this.#fieldsBegun) this.#beginFields();
    const lines = this.#lines;
    const head = this.#head;
    if (this.#refused === 0 && this.#cookie !== undefined) this.#add(OTHER, "cookie", this.#cookie);
    if (this.#refused === 0 && this.#allowed === REQUEST_FIELDS && !head.has(HOST_FIELD)) {
      this.#refused = refuse.NO_HOST;
    }
    lines.text("\r\n");
    if (this.#refused < 0) return;
    head.end = lines.length;
    // A head outlives the buffer, and holds no more than it needs.
    const bytes = Buffer.allocUnsafe(lines.length);
    lines.bytes.copy(bytes, 0, 0, lines.length);
    head.bytes = bytes;
  }
}

/** Stands in between two blocks. */
const NOBODY: Head = new RequestHead();
