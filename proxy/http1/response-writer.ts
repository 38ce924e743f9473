/** Writes responses to one client, one after another: forwarded heads and bodies, in as few writes as they fit. */
import type { HeadEdits } from "../http/edits.ts";
import type { Head } from "../http/head.ts";
import type { ResponseHead } from "../http/response-head.ts";
import { FULL, ROOM, type Sent, TOO_LARGE } from "../http/streams.ts";
import type { Socket } from "../net/socket.ts";
import { writeChunk, writeTrailers } from "./chunks.ts";
import type { HeadWriter } from "./head-writer.ts";
import { type LocalReplyOptions, localReply } from "./local-reply.ts";

export class ResponseWriter {
  /** Of the heads of the response at hand. */
  headBytes = 0;
  readonly #socket: Socket;
  readonly #writer: HeadWriter;
  /** The body has no length: it goes out in chunks of our making. */
  #chunking = false;

  constructor(socket: Socket, writer: HeadWriter) {
    this.#socket = socket;
    this.#writer = writer;
  }

  informational(head: ResponseHead): void {
    if (this.#writer.response(head, undefined, "")) this.#flush();
  }

  /** `additions` are lines of this hop; `bodiless`: the request was HEAD. */
  respond(
    head: ResponseHead,
    edits: HeadEdits | undefined,
    additions: string,
    bodiless: boolean,
    bytes: Buffer,
    start: number,
    end: number,
    last: boolean,
  ): Sent {
    const writer = this.#writer;
    const empty = bodiless || head.status === 204 || head.status === 304;
    const lengthless = !empty && !head.chunked && head.contentLength < 0;
    // One that has no body may still end later, over HTTP/2: not even a last chunk belongs to it then.
    this.#chunking = lengthless && !last;
    let lines = additions;
    if (this.#chunking) lines += "transfer-encoding: chunked\r\n";
    // Whole, though it does not say how long it is: HTTP/2 needs no length for that.
    else if (lengthless) lines += `content-length: ${end - start}\r\n`;
    if (!writer.response(head, edits, lines)) return TOO_LARGE;
    this.headBytes = writer.length;
    if (this.#chunking && end > start)
      return writeChunk(this.#socket, writer, bytes, start, end, false) ? ROOM : FULL;
    const together = writer.body(bytes, start, end);
    const room = this.#flush();
    return (together ? room : this.#socket.write(bytes, start, end)) ? ROOM : FULL;
  }

  body(bytes: Buffer, start: number, end: number, last: boolean): boolean {
    if (!this.#chunking) return this.#socket.write(bytes, start, end);
    return writeChunk(this.#socket, this.#writer, bytes, start, end, last);
  }

  /** A body with a length has no room for them, and they may be left out (RFC 9110 section 6.5.1). */
  trailers(trailers: Head): void {
    if (this.#chunking) writeTrailers(this.#socket, this.#writer, trailers);
  }

  /** A whole response of the proxy's own. */
  reply(status: number, body: string, headers: string, options: LocalReplyOptions): void {
    const bytes = localReply(status, body, headers, options);
    this.#socket.write(bytes, 0, bytes.length);
  }

  /** A 101, or the 2xx to a CONNECT. */
  switching(head: ResponseHead, edits: HeadEdits | undefined): void {
    if (this.#writer.response(head, edits, "")) this.#flush();
  }

  #flush(): boolean {
    const room = this.#socket.write(this.#writer.buffer, 0, this.#writer.length, true);
    this.#writer.length = 0;
    return room;
  }
}
