/**
 * A message head: where its lines stand in the bytes that arrived, and what its framing headers say.
 *
 * The head is read once, left to right, checking every byte; headers are kept as ranges so that what nobody touches
 * is forwarded byte for byte. What two parsers could read differently is refused, never repaired
 * (RFC 9112 sections 2.2, 5.1, 5.2, 6.1, 6.3).
 */
import {
  COLON,
  CR,
  equalsIgnoreCase,
  FIELD_VALUE,
  HTAB,
  isSpace,
  LF,
  listHas,
  SP,
  TOKEN,
  text,
} from "./characters.ts";
import * as kind from "./field-kinds.ts";
import * as refuse from "./refusal.ts";

/** As Envoy: 60 KiB of head and 100 headers. */
export const MAX_HEAD_BYTES = 60 * 1024;
export const MAX_HEADERS = 100;
/** Ten years of petabit links fit; beyond 2^53 numbers lose digits. */
const MAX_LENGTH_DIGITS = 15;

/** Numbers per header in `Head.fields`. */
export const STRIDE = 5;
const NONE = new Uint8Array(0);

export class Head {
  bytes: Uint8Array = NONE;
  start = 0;
  /** Where the first header line starts, or the blank line. */
  fieldsStart = 0;
  /** After the blank line. */
  end = 0;
  /** Five numbers a header: kind, name start, name end, value start, value end. */
  readonly fields: number[] = [];
  /** Bit `1 << kind` is set when such a header is there. */
  present = 0;
  /** -1 without a Content-Length. */
  contentLength = -1;
  chunked = false;
  /** `Connection: close` and `keep-alive`. */
  close = false;
  keepAlive = false;
  /** `Connection: upgrade`. */
  upgrade = false;
  /** Connection names headers besides the usual ones, which must then be dropped as well. */
  namesHeaders = false;

  reset(bytes: Uint8Array, start: number): void {
    this.bytes = bytes;
    this.start = start;
    this.fields.length = 0;
    this.present = 0;
    this.contentLength = -1;
    this.chunked = false;
    this.close = false;
    this.keepAlive = false;
    this.upgrade = false;
    this.namesHeaders = false;
  }

  /** Lets go of the bytes when the message is over: a head must not keep a read buffer alive. */
  release(): void {
    this.bytes = NONE;
  }

  has(fieldKind: number): boolean {
    return ((this.present >> fieldKind) & 1) === 1;
  }

  /** The value of the first header of a known kind. */
  known(fieldKind: number): string | undefined {
    if (!this.has(fieldKind)) return undefined;
    const { fields } = this;
    for (let at = 0; at < fields.length; at += STRIDE) {
      if (fields[at] === fieldKind)
        return text(this.bytes, fields[at + 3] as number, fields[at + 4] as number);
    }
    return undefined;
  }

  /** The values of every header of this lower-case name, joined with ","; undefined when there is none. */
  header(name: string): string | undefined {
    const { fields, bytes } = this;
    let result: string | undefined;
    for (let at = 0; at < fields.length; at += STRIDE) {
      if (!equalsIgnoreCase(bytes, fields[at + 1] as number, fields[at + 2] as number, name)) continue;
      const value = text(bytes, fields[at + 3] as number, fields[at + 4] as number);
      result = result === undefined ? value : `${result},${value}`;
    }
    return result;
  }

  /** Whether the header at `at` in `fields` is one that Connection names. */
  namedByConnection(at: number): boolean {
    const { fields, bytes } = this;
    const name = text(bytes, fields[at + 1] as number, fields[at + 2] as number).toLowerCase();
    for (let other = 0; other < fields.length; other += STRIDE) {
      if (fields[other] !== kind.CONNECTION) continue;
      if (listHas(bytes, fields[other + 3] as number, fields[other + 4] as number, name)) return true;
    }
    return false;
  }

  /**
   * Reads header lines from `from` up to and with the blank line.
   * Returns the offset after it, `INCOMPLETE`, or a refusal.
   */
  readFields(from: number, available: number): number {
    const { bytes, fields } = this;
    this.fieldsStart = from;
    const limit = this.start + MAX_HEAD_BYTES;
    const end = available < limit ? available : limit;
    let at = from;
    for (;;) {
      if (at >= end) return available >= limit ? refuse.HEAD_TOO_LARGE : refuse.INCOMPLETE;
      const first = bytes[at] as number;
      if (first === CR) {
        if (at + 1 >= end) return available >= limit ? refuse.HEAD_TOO_LARGE : refuse.INCOMPLETE;
        if (bytes[at + 1] !== LF) return refuse.BARE_CR;
        this.end = at + 2;
        return this.#checkFraming();
      }
      if (first === LF) return refuse.BARE_LF;
      if (first === SP || first === HTAB) return refuse.FOLDED_HEADER;
      if (fields.length === MAX_HEADERS * STRIDE) return refuse.TOO_MANY_HEADERS;

      const nameStart = at;
      while (at < end && TOKEN[bytes[at] as number] === 1) at++;
      if (at >= end) return available >= limit ? refuse.HEAD_TOO_LARGE : refuse.INCOMPLETE;
      const nameEnd = at;
      if (bytes[at] !== COLON) {
        if (bytes[at] === LF) return refuse.BARE_LF;
        return nameEnd > nameStart && isSpace(bytes[at] as number)
          ? refuse.SPACE_BEFORE_COLON
          : refuse.BAD_HEADER_NAME;
      }
      if (nameEnd === nameStart) return refuse.BAD_HEADER_NAME;
      at++;
      while (at < end && isSpace(bytes[at] as number)) at++;
      const valueStart = at;
      while (at < end && FIELD_VALUE[bytes[at] as number] === 1) at++;
      if (at + 1 >= end) {
        if (at < end && bytes[at] !== CR) return bytes[at] === LF ? refuse.BARE_LF : refuse.BAD_HEADER_VALUE;
        return available >= limit ? refuse.HEAD_TOO_LARGE : refuse.INCOMPLETE;
      }
      if (bytes[at] !== CR) return bytes[at] === LF ? refuse.BARE_LF : refuse.BAD_HEADER_VALUE;
      if (bytes[at + 1] !== LF) return refuse.BARE_CR;
      let valueEnd = at;
      while (valueEnd > valueStart && isSpace(bytes[valueEnd - 1] as number)) valueEnd--;
      at += 2;

      const fieldKind = kind.fieldKind(bytes, nameStart, nameEnd);
      fields.push(fieldKind, nameStart, nameEnd, valueStart, valueEnd);
      if (fieldKind !== kind.OTHER) {
        const refused = this.#note(fieldKind, valueStart, valueEnd);
        if (refused < 0) return refused;
        this.present |= 1 << fieldKind;
      }
    }
  }

  #note(fieldKind: number, start: number, end: number): number {
    const { bytes } = this;
    switch (fieldKind) {
      case kind.CONTENT_LENGTH: {
        if (this.has(kind.CONTENT_LENGTH)) return refuse.SEVERAL_CONTENT_LENGTHS;
        if (start === end || end - start > MAX_LENGTH_DIGITS) return refuse.BAD_CONTENT_LENGTH;
        let length = 0;
        for (let at = start; at < end; at++) {
          const digit = (bytes[at] as number) - 0x30;
          if (digit < 0 || digit > 9) return refuse.BAD_CONTENT_LENGTH;
          length = length * 10 + digit;
        }
        this.contentLength = length;
        return 0;
      }
      case kind.TRANSFER_ENCODING:
        if (this.chunked || !equalsIgnoreCase(bytes, start, end, "chunked"))
          return refuse.BAD_TRANSFER_ENCODING;
        this.chunked = true;
        return 0;
      case kind.HOST_FIELD:
        return this.has(kind.HOST_FIELD) ? refuse.SEVERAL_HOSTS : 0;
      case kind.CONNECTION:
        return this.#noteConnection(start, end);
      default:
        return 0;
    }
  }

  #noteConnection(start: number, end: number): number {
    const { bytes } = this;
    if (equalsIgnoreCase(bytes, start, end, "keep-alive")) this.keepAlive = true;
    else if (equalsIgnoreCase(bytes, start, end, "close")) this.close = true;
    else {
      for (const element of text(bytes, start, end).toLowerCase().split(",")) {
        const name = element.trim();
        if (name === "close") this.close = true;
        else if (name === "keep-alive") this.keepAlive = true;
        else if (name === "upgrade") this.upgrade = true;
        else if (FRAMING_HEADERS.has(name)) return refuse.BAD_CONNECTION_HEADER;
        else if (name !== "" && name !== "te") this.namesHeaders = true;
      }
    }
    return 0;
  }

  #checkFraming(): number {
    if (this.chunked && this.contentLength >= 0) return refuse.LENGTH_AND_ENCODING;
    return this.end;
  }
}

/** Dropping one of these at a client's word would change how the message is framed, routed or trusted. */
const FRAMING_HEADERS = new Set(["host", "content-length", "transfer-encoding", "x-forwarded-client-cert"]);
