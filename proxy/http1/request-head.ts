/** A request's head (RFC 9112 section 3): request line, then headers. */
import { CR, equalsIgnoreCase, HOST, LF, SLASH, SP, TARGET, TOKEN, text } from "./characters.ts";
import { EXPECT, HOST_FIELD, TE, UPGRADE } from "./field-kinds.ts";
import { Head, MAX_HEAD_BYTES, STRIDE } from "./head.ts";
import * as refuse from "./refusal.ts";

const MAX_METHOD = 32;
/** ` HTTP/1.` without the minor version. */
const VERSION = "HTTP/1.";
const SCHEME = "http://";

/** Methods by their bytes' length and first byte: the common ones are not decoded. */
const COMMON = ["GET", "PUT", "POST", "HEAD", "PATCH", "DELETE", "OPTIONS"];

const IDEMPOTENT = new Set(["GET", "HEAD", "OPTIONS", "PUT", "DELETE", "TRACE"]);

export class RequestHead extends Head {
  method = "";
  targetStart = 0;
  targetEnd = 0;
  /** Host, or the authority of an absolute target, which then rules (RFC 9112 section 3.2.2). */
  authority = "";
  /** True when the target was `http://host/path`: it is forwarded as a path with the Host it names. */
  absolute = false;
  #path: string | undefined;

  /** Path with query, as it stands in the request line. */
  get path(): string {
    this.#path ??= text(this.bytes, this.targetStart, this.targetEnd);
    return this.#path;
  }

  /** The body's kind: requests without framing headers have none (RFC 9112 section 6.3). */
  get hasBody(): boolean {
    return this.chunked || this.contentLength > 0;
  }

  /** Asking twice is asking once (RFC 9110 section 9.2.2): what may be sent again though it may have arrived. */
  get idempotent(): boolean {
    return IDEMPOTENT.has(this.method);
  }

  /** Asks for a WebSocket; other upgrades are not offered on and the request goes on without (RFC 9110 section 7.8). */
  get webSocket(): boolean {
    return this.upgrade && this.has(UPGRADE) && equalsText(this.known(UPGRADE), "websocket");
  }

  get expectsContinue(): boolean {
    return this.has(EXPECT) && equalsText(this.known(EXPECT), "100-continue");
  }

  /** `TE: trailers` alone may be passed on; other values ask for codings that the next hop cannot promise. */
  get acceptsTrailers(): boolean {
    return this.has(TE) && equalsText(this.known(TE), "trailers");
  }

  /** Reads a head from `bytes[start, available)`: the offset after it, `INCOMPLETE`, or a refusal. */
  read(bytes: Uint8Array, start: number, available: number): number {
    this.reset(bytes, start);
    this.#path = undefined;
    this.absolute = false;
    let at = start;
    // One empty line before a request is the trace of an old client's body, and means nothing (RFC 9112 section 2.2).
    if (bytes[at] === CR && at < available) {
      if (at + 1 >= available) return refuse.INCOMPLETE;
      if (bytes[at + 1] !== LF) return refuse.BARE_CR;
      at += 2;
      this.start = at;
    }
    const limit = this.start + MAX_HEAD_BYTES;
    const end = available < limit ? available : limit;
    const more = available >= limit ? refuse.HEAD_TOO_LARGE : refuse.INCOMPLETE;

    const methodStart = at;
    const methodLimit = methodStart + MAX_METHOD;
    while (at < end && at <= methodLimit && TOKEN[bytes[at] as number] === 1) at++;
    if (at > methodLimit) return refuse.BAD_METHOD;
    if (at >= end) return more;
    if (bytes[at] !== SP || at === methodStart) return refuse.BAD_METHOD;
    this.method = methodName(bytes, methodStart, at);
    at++;

    this.targetStart = at;
    while (at < end && TARGET[bytes[at] as number] === 1) at++;
    if (at >= end) return more;
    this.targetEnd = at;
    if (bytes[at] !== SP || at === this.targetStart) return refuse.BAD_TARGET;
    at++;

    for (let index = 0; index < VERSION.length; index++, at++) {
      if (at >= end) return more;
      if (bytes[at] !== VERSION.charCodeAt(index)) return refuse.BAD_VERSION;
    }
    if (at >= end) return more;
    const minor = bytes[at] as number;
    if (minor !== 0x31 && minor !== 0x30) return refuse.BAD_VERSION;
    at++;
    if (at >= end) return more;
    if (bytes[at] === LF) return refuse.BARE_LF;
    if (bytes[at] !== CR) return refuse.BAD_VERSION;
    if (at + 1 >= end) return more;
    if (bytes[at + 1] !== LF) return refuse.BARE_CR;
    if (minor === 0x30) return refuse.OLD_VERSION;

    const after = this.readFields(at + 2, available);
    return after > 0 ? this.#finish(after) : after;
  }

  #finish(after: number): number {
    if (!this.has(HOST_FIELD)) return refuse.NO_HOST;
    const host = this.#host();
    if (host === undefined) return refuse.BAD_HOST;
    this.authority = host;
    const { bytes, targetStart, targetEnd } = this;
    if (bytes[targetStart] === SLASH) return after;
    if (targetEnd - targetStart === 1 && bytes[targetStart] === 0x2a && this.method === "OPTIONS")
      return after;
    return this.#readAbsolute(after);
  }

  #host(): string | undefined {
    const { fields, bytes } = this;
    for (let at = 0; at < fields.length; at += STRIDE) {
      if (fields[at] !== HOST_FIELD) continue;
      return hostText(bytes, fields[at + 3] as number, fields[at + 4] as number);
    }
    return undefined;
  }

  #readAbsolute(after: number): number {
    const { bytes, targetStart, targetEnd } = this;
    if (this.method === "CONNECT") return refuse.BAD_TARGET;
    const authorityStart = targetStart + SCHEME.length;
    if (!equalsIgnoreCase(bytes, targetStart, Math.min(authorityStart, targetEnd), SCHEME))
      return refuse.BAD_TARGET;
    let at = authorityStart;
    while (at < targetEnd && bytes[at] !== SLASH && bytes[at] !== 0x3f) at++;
    const authority = hostText(bytes, authorityStart, at);
    if (authority === undefined) return refuse.BAD_TARGET;
    this.authority = authority;
    this.absolute = true;
    const rest = text(bytes, at, targetEnd);
    this.#path = rest.startsWith("/") ? rest : `/${rest}`;
    return after;
  }
}

function hostText(bytes: Uint8Array, start: number, end: number): string | undefined {
  if (start === end || end - start > 255 + 6) return undefined;
  for (let at = start; at < end; at++) if (HOST[bytes[at] as number] !== 1) return undefined;
  return text(bytes, start, end);
}

function methodName(bytes: Uint8Array, start: number, end: number): string {
  for (let index = 0; index < COMMON.length; index++) {
    const name = COMMON[index] as string;
    if (name.length !== end - start || name.charCodeAt(0) !== bytes[start]) continue;
    let at = 1;
    while (at < name.length && name.charCodeAt(at) === bytes[start + at]) at++;
    if (at === name.length) return name;
  }
  return text(bytes, start, end);
}

function equalsText(value: string | undefined, lower: string): boolean {
  return value !== undefined && value.toLowerCase() === lower;
}
