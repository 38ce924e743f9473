/**
 * A message head: where its lines stand in bytes, and what its framing headers say. Both versions share it: the bytes are
 * always those of an HTTP/1.1 head, as they arrived or as HPACK was decoded into them, so that what nobody touches is
 * forwarded byte for byte, and every later question is asked of one thing.
 */
import { equalsIgnoreCase, listHas, text } from "./characters.ts";
import * as kind from "./field-kinds.ts";
import * as refuse from "./refusal.ts";

/** As Envoy: 60 KiB of head and 100 headers. */
export const MAX_HEAD_BYTES = 60 * 1024;
export const MAX_HEADERS = 100;
/** Ten years of petabit links fit; beyond 2^53 numbers lose digits. */
const MAX_LENGTH_DIGITS = 15;

/** Numbers per header in `Head.fields`. */
export const STRIDE = 5;
/** Less than this is not worth a copy of the head. */
const WORTH_LETTING_GO = 4096;
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
  /** Its own among the heads that come again as the same object, so that what was made of one can be found; 0 for others. */
  serial = 0;
  /** Offsets in `fields` of headers that no hop of HTTP/2 may put into a table (RFC 7541 section 6.2.3). */
  neverIndexed: Set<number> | undefined = undefined;

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
    this.neverIndexed = undefined;
    this.serial = 0;
  }

  /** Lets go of the bytes when the message is over: a head must not keep a read buffer alive. */
  release(): void {
    this.bytes = NONE;
  }

  /** Lets go of what was read behind the head: a long body's first part would lie there to its end. */
  letGoOfRest(): void {
    if (this.bytes.length - this.end < WORTH_LETTING_GO) return;
    this.bytes = Uint8Array.prototype.slice.call(this.bytes, 0, this.end);
  }

  /** The head on bytes of its own, for who outlives the message. */
  clone(): Head {
    const copy = new Head();
    this.copyTo(copy);
    return copy;
  }

  protected copyTo(copy: Head): void {
    const { start } = this;
    copy.reset(Buffer.from(this.bytes.subarray(start, this.end)), 0);
    copy.fieldsStart = this.fieldsStart - start;
    copy.end = this.end - start;
    for (const [index, value] of this.fields.entries())
      copy.fields.push(index % STRIDE === 0 ? value : value - start);
    copy.present = this.present;
    copy.contentLength = this.contentLength;
    copy.chunked = this.chunked;
    copy.close = this.close;
    copy.keepAlive = this.keepAlive;
    copy.upgrade = this.upgrade;
    copy.namesHeaders = this.namesHeaders;
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

  /** Adds a header line and notes what it says of the message; 0, or a refusal. */
  add(fieldKind: number, nameStart: number, nameEnd: number, valueStart: number, valueEnd: number): number {
    this.fields.push(fieldKind, nameStart, nameEnd, valueStart, valueEnd);
    if (fieldKind === kind.OTHER) return 0;
    const refused = this.#note(fieldKind, valueStart, valueEnd);
    this.present |= 1 << fieldKind;
    return refused;
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
}

/** Dropping one of these at a client's word would change how the message is framed, routed or trusted. */
const FRAMING_HEADERS = new Set(["host", "content-length", "transfer-encoding", "x-forwarded-client-cert"]);
