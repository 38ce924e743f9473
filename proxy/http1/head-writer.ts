/**
 * Writes a head that is mostly another head: ranges nobody touched are copied as they came, in as few copies as
 * there are gaps, into one buffer that every connection of the process shares, because a write copies it out at once.
 */

import { text } from "../http/characters.ts";
import type { HeadEdits } from "../http/edits.ts";
import {
  CONTENT_LENGTH,
  HOP_BY_HOP,
  HOST_FIELD,
  PEER,
  TE,
  TRANSFER_ENCODING,
  UPGRADE,
} from "../http/field-kinds.ts";
import { type Head, MAX_HEAD_BYTES, STRIDE } from "../http/head.ts";
import { CONNECT, type RequestHead } from "../http/request-head.ts";
import type { ResponseHead } from "../http/response-head.ts";

/** A whole head, what we add to it, and the first bytes of a body, so that a small message is one write. */
const CAPACITY = MAX_HEAD_BYTES + 36 * 1024;
/** Bodies up to here are copied behind their head; larger ones get a write of their own. */
const COALESCE = 16 * 1024;

export class HeadWriter {
  readonly buffer: Buffer;
  length = 0;

  constructor() {
    this.buffer = Buffer.allocUnsafeSlow(CAPACITY);
  }

  /**
   * The request as the next hop gets it. `dropMask` names further known headers to drop; `additions` are header
   * lines of this hop. False when the head with its additions does not fit.
   */
  request(head: RequestHead, edits: HeadEdits | undefined, dropMask: number, additions: string): boolean {
    this.length = 0;
    // Whom a CONNECT is to reach is for its server to say: a rewrite would have to change two lines alike.
    const tunnel = head.method === CONNECT;
    const rewrites = !tunnel && (head.absolute || edits?.path !== undefined);
    const newHost = tunnel ? undefined : (edits?.host ?? (head.absolute ? head.authority : undefined));
    let drop = dropMask | (head.present & HOP_BY_HOP) | (1 << PEER);
    if (head.has(TE) && !head.acceptsTrailers) drop |= 1 << TE;
    if (newHost !== undefined) drop |= 1 << HOST_FIELD;
    const webSocket = head.webSocket;
    if (webSocket) drop &= ~(1 << UPGRADE);

    if (rewrites) {
      if (!this.text(`${head.method} ${edits?.path ?? head.path} HTTP/1.1\r\n`)) return false;
    } else this.#copy(head.bytes, head.start, head.fieldsStart);
    if (newHost !== undefined && !this.text(`host: ${newHost}\r\n`)) return false;
    this.#fields(head, drop, edits?.remove);
    if (webSocket && !this.text("connection: upgrade\r\n")) return false;
    if (edits?.add !== undefined && !this.text(edits.add)) return false;
    return this.text(additions) && this.text("\r\n");
  }

  /** The response as the client gets it; `switching` keeps Upgrade for a 101. */
  response(head: ResponseHead, edits: HeadEdits | undefined, additions: string): boolean {
    this.length = 0;
    const switching = head.status === 101;
    let drop = (head.present & HOP_BY_HOP) | (1 << PEER);
    if (switching) drop &= ~(1 << UPGRADE);
    // These have no body, whatever they say (RFC 9110 section 8.6): do not hand the claim on.
    if (head.status < 200 || head.status === 204) drop |= FRAMING;
    if (head.minor === 1) this.#copy(head.bytes, head.start, head.fieldsStart);
    else {
      if (!this.text("HTTP/1.1 ")) return false;
      this.#copy(head.bytes, head.statusStart, head.fieldsStart);
    }
    this.#fields(head, drop, edits?.remove);
    if (switching && !this.text("connection: upgrade\r\n")) return false;
    if (edits?.add !== undefined && !this.text(edits.add)) return false;
    return this.text(additions) && this.text("\r\n");
  }

  /** Trailers and the blank line behind them; what frames or routes a message has no place there (RFC 9110 section 6.5.1). */
  trailers(head: Head): void {
    this.#fields(
      head,
      (head.present & HOP_BY_HOP) | FRAMING | (1 << HOST_FIELD) | (1 << TE) | (1 << PEER),
      undefined,
    );
    this.text("\r\n");
  }

  /** Takes the start of a body behind the head when it is small enough; false when it needs its own write. */
  body(bytes: Uint8Array, start: number, end: number): boolean {
    if (end - start > COALESCE || this.length + end - start > CAPACITY) return false;
    this.#copy(bytes, start, end);
    return true;
  }

  /** Whether so many bytes can be added, and are few enough to be copied rather than written by themselves. */
  fits(bytes: number): boolean {
    return bytes <= COALESCE && this.length + bytes <= CAPACITY;
  }

  /** Adds latin1 text; false when it does not fit. */
  text(value: string): boolean {
    if (this.length + value.length > CAPACITY) return false;
    this.length += this.buffer.write(value, this.length, "latin1");
    return true;
  }

  #fields(head: Head, drop: number, remove: ReadonlySet<string> | undefined): void {
    const { fields, bytes } = head;
    const blankLine = head.end - 2;
    if ((head.present & drop) === 0 && !head.namesHeaders && remove === undefined) {
      this.#copy(bytes, head.fieldsStart, blankLine);
      return;
    }
    let kept = head.fieldsStart;
    for (let at = 0; at < fields.length; at += STRIDE) {
      if (!this.#drops(head, at, drop, remove)) continue;
      this.#copy(bytes, kept, fields[at + 1] as number);
      kept = at + STRIDE < fields.length ? (fields[at + STRIDE + 1] as number) : blankLine;
    }
    this.#copy(bytes, kept, blankLine);
  }

  #drops(head: Head, at: number, drop: number, remove: ReadonlySet<string> | undefined): boolean {
    const kind = head.fields[at] as number;
    if (kind !== 0 && (drop >> kind) & 1) return true;
    if (head.namesHeaders && kind !== UPGRADE && head.namedByConnection(at)) return true;
    if (remove === undefined) return false;
    return remove.has(
      text(head.bytes, head.fields[at + 1] as number, head.fields[at + 2] as number).toLowerCase(),
    );
  }

  #copy(bytes: Uint8Array, start: number, end: number): void {
    if (end - start <= 48) {
      const { buffer } = this;
      let to = this.length;
      for (let at = start; at < end; at++) buffer[to++] = bytes[at] as number;
      this.length = to;
      return;
    }
    (bytes as Buffer).copy(this.buffer, this.length, start, end);
    this.length += end - start;
  }
}

const FRAMING = (1 << TRANSFER_ENCODING) | (1 << CONTENT_LENGTH);
