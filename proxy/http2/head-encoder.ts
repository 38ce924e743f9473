/** Heads as field blocks: what HTTP/2 says otherwise is left out, the proxy's edits are put in (RFC 9113 sections 8.2 and 8.3). */
import { CR, equalsIgnoreCase, text } from "../http/characters.ts";
import type { HeadEdits } from "../http/edits.ts";
import { CONTENT_LENGTH, HOP_BY_HOP, HOST_FIELD, PEER, TE, TRANSFER_ENCODING } from "../http/field-kinds.ts";
import { type Head, STRIDE } from "../http/head.ts";
import type { RequestHead } from "../http/request-head.ts";
import type { ResponseHead } from "../http/response-head.ts";
import { ByteBuffer } from "./byte-buffer.ts";
import { Encoder } from "./hpack/encoder.ts";

/** Indices of the static table. */
const AUTHORITY = ":authority";
const PATH = ":path";
const METHODS: Readonly<Record<string, number>> = { GET: 2, POST: 3 };
const SCHEME_HTTP = 6;
const SLASH_PATH = 4;
const STATUSES: Readonly<Record<number, number>> = {
  200: 8,
  204: 9,
  206: 10,
  304: 11,
  400: 12,
  404: 13,
  500: 14,
};

/** What no message of HTTP/2 has; TE has a rule of its own. */
const NEVER = HOP_BY_HOP | (1 << TRANSFER_ENCODING) | (1 << HOST_FIELD);
/** Besides that, what a message says of how it ends. */
const FRAMING = (1 << TRANSFER_ENCODING) | (1 << CONTENT_LENGTH);

/** Places of blocks that may be written again as they are, by the serial of their head. */
const REPEATS = 32;

/** A block without its hop's own lines, and what it was made from. */
interface Repeat {
  readonly head: Head;
  readonly epoch: number;
  readonly drop: number;
  readonly path: string | undefined;
  readonly host: string | undefined;
  readonly remove: ReadonlySet<string> | undefined;
  readonly block: Uint8Array;
}

export class HeadEncoder {
  readonly hpack: Encoder;
  #repeats: (Repeat | undefined)[] | undefined;

  constructor(hpack = new Encoder()) {
    this.hpack = hpack;
  }

  request(
    out: ByteBuffer,
    head: RequestHead,
    edits: HeadEdits | undefined,
    drop: number,
    additions: string,
  ): void {
    const { hpack } = this;
    hpack.begin(out);
    if (!this.#repeat(out, head, edits, drop)) this.#request(out, head, edits, drop);
    this.#lines(out, edits?.add);
    this.#lines(out, additions);
  }

  #request(out: ByteBuffer, head: RequestHead, edits: HeadEdits | undefined, drop: number): void {
    const { hpack } = this;
    const start = out.length;
    const method = METHODS[head.method];
    if (method !== undefined) hpack.static(out, method);
    else this.#pair(out, ":method", head.method);
    if (head.method !== "CONNECT") {
      hpack.static(out, SCHEME_HTTP);
      const path = edits?.path ?? head.path;
      if (path === "/") hpack.static(out, SLASH_PATH);
      else this.#pair(out, PATH, path);
    }
    this.#pair(out, AUTHORITY, edits?.host ?? head.authority);
    let dropped = NEVER | (1 << PEER) | drop;
    if (!head.acceptsTrailers) dropped |= 1 << TE;
    this.#fields(out, head, dropped, edits?.remove);
    this.#remember(out, start, head, edits, drop);
  }

  response(out: ByteBuffer, head: ResponseHead, edits: HeadEdits | undefined): void {
    const { hpack } = this;
    hpack.begin(out);
    if (!this.#repeat(out, head, edits, 0)) this.#response(out, head, edits);
    this.#lines(out, edits?.add);
  }

  #response(out: ByteBuffer, head: ResponseHead, edits: HeadEdits | undefined): void {
    const start = out.length;
    // A switch of protocols is granted like any request (RFC 8441 section 5).
    this.#status(out, head.status === 101 ? 200 : head.status);
    let dropped = NEVER | (1 << PEER) | (1 << TE);
    // These have no body, whatever they say (RFC 9110 section 8.6): do not hand the claim on.
    if (head.status < 200 || head.status === 204) dropped |= FRAMING;
    this.#fields(out, head, dropped, edits?.remove);
    this.#remember(out, start, head, edits, 0);
  }

  /** Writes what was written for the same head before, while the table says the same. */
  #repeat(out: ByteBuffer, head: Head, edits: HeadEdits | undefined, drop: number): boolean {
    if (head.serial === 0) return false;
    const found = this.#repeats?.[head.serial & (REPEATS - 1)];
    if (found === undefined || found.head !== head || found.epoch !== this.hpack.epoch) return false;
    if (found.drop !== drop || found.path !== edits?.path || found.host !== edits?.host) return false;
    if (found.remove !== edits?.remove) return false;
    out.append(found.block, 0, found.block.length);
    return true;
  }

  #remember(out: ByteBuffer, start: number, head: Head, edits: HeadEdits | undefined, drop: number): void {
    if (head.serial === 0 || !this.hpack.repeatable) return;
    this.#repeats ??= new Array<Repeat | undefined>(REPEATS).fill(undefined);
    this.#repeats[head.serial & (REPEATS - 1)] = {
      head,
      epoch: this.hpack.epoch,
      drop,
      path: edits?.path,
      host: edits?.host,
      remove: edits?.remove,
      block: Uint8Array.prototype.slice.call(out.bytes, start, out.length),
    };
  }

  /** A response of the proxy's own; `headers` are whole lines. */
  reply(out: ByteBuffer, status: number, headers: string): void {
    this.hpack.begin(out);
    this.#status(out, status);
    this.#lines(out, headers);
  }

  trailers(out: ByteBuffer, head: Head): void {
    this.hpack.begin(out);
    this.#fields(out, head, NEVER | FRAMING | (1 << TE), undefined);
  }

  #status(out: ByteBuffer, status: number): void {
    const index = STATUSES[status];
    if (index !== undefined) this.hpack.static(out, index);
    else this.#pair(out, ":status", String(status));
  }

  #fields(out: ByteBuffer, head: Head, drop: number, remove: ReadonlySet<string> | undefined): void {
    const { fields, bytes, neverIndexed } = head;
    for (let at = 0; at < fields.length; at += STRIDE) {
      const kind = fields[at] as number;
      if (kind !== 0 && ((drop >> kind) & 1) === 1) continue;
      if (head.namesHeaders && head.namedByConnection(at)) continue;
      const nameStart = fields[at + 1] as number;
      const nameEnd = fields[at + 2] as number;
      if (remove !== undefined && removes(remove, bytes, nameStart, nameEnd)) continue;
      const valueStart = fields[at + 3] as number;
      const valueEnd = fields[at + 4] as number;
      const secret = neverIndexed?.has(at) === true;
      if (!hasUpperCase(bytes, nameStart, nameEnd)) {
        this.hpack.field(out, bytes, nameStart, nameEnd, valueStart, valueEnd, secret);
        continue;
      }
      scratch.length = 0;
      scratch.append(bytes, nameStart, nameEnd);
      lowerCase(scratch.bytes, 0, scratch.length);
      scratch.append(bytes, valueStart, valueEnd);
      const split = nameEnd - nameStart;
      this.hpack.field(out, scratch.bytes, 0, split, split, scratch.length, secret);
    }
  }

  #pair(out: ByteBuffer, name: string, value: string): void {
    scratch.length = 0;
    scratch.text(name);
    scratch.text(value);
    this.hpack.field(out, scratch.bytes, 0, name.length, name.length, scratch.length, false);
  }

  /** Header lines, each with its CRLF. */
  #lines(out: ByteBuffer, lines: string | undefined): void {
    if (lines === undefined || lines === "") return;
    scratch.length = 0;
    scratch.text(lines);
    const { bytes, length } = scratch;
    let at = 0;
    while (at < length) {
      let nameEnd = at;
      while (nameEnd < length && bytes[nameEnd] !== COLON) nameEnd++;
      let valueStart = nameEnd + 1;
      while (valueStart < length && bytes[valueStart] === SP) valueStart++;
      let valueEnd = valueStart;
      while (valueEnd < length && bytes[valueEnd] !== CR) valueEnd++;
      lowerCase(bytes, at, nameEnd);
      this.hpack.field(out, bytes, at, nameEnd, valueStart, valueEnd, false);
      at = valueEnd + 2;
    }
  }
}

/** About what a head counts against a peer's limit (RFC 9113 section 6.5.2): a line has four bytes of the 32 for each field. */
export function listBytes(head: Head): number {
  return head.end - head.start + (head.fields.length / STRIDE) * 28;
}

/** For fields that stand in no head; of the process, as nothing outlives a call. */
const scratch = new ByteBuffer();
const COLON = 0x3a;
const SP = 0x20;

function removes(names: ReadonlySet<string>, bytes: Uint8Array, start: number, end: number): boolean {
  if (names.size > 4) return names.has(text(bytes, start, end).toLowerCase());
  for (const name of names) if (equalsIgnoreCase(bytes, start, end, name)) return true;
  return false;
}

function hasUpperCase(bytes: Uint8Array, start: number, end: number): boolean {
  for (let at = start; at < end; at++) {
    const code = bytes[at] as number;
    if (code <= 0x5a && code >= 0x41) return true;
  }
  return false;
}

function lowerCase(bytes: Uint8Array, start: number, end: number): void {
  for (let at = start; at < end; at++) {
    const code = bytes[at] as number;
    if (code >= 0x41 && code <= 0x5a) bytes[at] = code | 0x20;
  }
}
