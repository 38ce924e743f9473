/** One HTTP/1.1 connection to an endpoint: sends a request at a time. */
import type { Head } from "../http/head.ts";
import {
  FULL,
  type OutgoingRequest,
  ROOM,
  type Sent,
  TOO_LARGE,
  type Upstream,
  type UpstreamEvents,
} from "../http/streams.ts";
import type { Socket } from "../net/socket.ts";
import { writeChunk, writeTrailers } from "./chunks.ts";
import type { HeadWriter } from "./head-writer.ts";
import { type ClientOwner, ResponseConnection } from "./response-connection.ts";
import { switchesOf, webSocketKey } from "./switches.ts";

export class ClientConnection extends ResponseConnection implements Upstream {
  readonly version = 1;
  readonly #writer: HeadWriter;
  /** The body has no length: it goes out in chunks of our making. */
  #chunking = false;

  constructor(socket: Socket, owner: ClientOwner, writer: HeadWriter) {
    super(socket, owner);
    this.#writer = writer;
  }

  get fresh(): boolean {
    return this.requests === 0;
  }

  send(request: OutgoingRequest, events: UpstreamEvents): Sent {
    const { head, pieces, last } = request;
    const writer = this.#writer;
    this.#chunking = false;
    let { additions } = request;
    if (head.extended) additions += webSocketKey();
    if (!head.chunked && head.contentLength < 0) {
      if (pieces.length > 0 || !last) {
        this.#chunking = true;
        additions += "transfer-encoding: chunked\r\n";
      } else if (!request.framed && EXPECT_BODY.has(head.method)) {
        // HTTP/2 says by its framing that there is none (RFC 9110 section 8.6).
        additions += "content-length: 0\r\n";
      }
    } else if (head.chunked && !request.framed) throw new Error("a chunked body without its framing");
    if (!writer.request(head, request.edits, request.drop, additions)) {
      this.giveBack();
      return TOO_LARGE;
    }
    this.begin(events, head.method === "HEAD", switchesOf(head), request.framed);
    if (last) this.requestDone();
    if (pieces.length === 0) return this.#flush() ? ROOM : FULL;
    return this.#sendWith(pieces, last) ? ROOM : FULL;
  }

  /** Head and as much of the body as is at hand, in one write where it fits. */
  #sendWith(pieces: readonly Buffer[], last: boolean): boolean {
    const { socket } = this;
    const writer = this.#writer;
    let room = true;
    if (this.#chunking) {
      for (const [index, piece] of pieces.entries()) {
        room = writeChunk(socket, writer, piece, 0, piece.length, last && index === pieces.length - 1);
      }
      return room;
    }
    let fitting = 0;
    for (const piece of pieces) {
      if (!writer.body(piece, 0, piece.length)) break;
      fitting++;
    }
    room = this.#flush();
    for (let index = fitting; index < pieces.length; index++) {
      const piece = pieces[index] as Buffer;
      room = socket.write(piece, 0, piece.length);
    }
    return room;
  }

  #flush(): boolean {
    const room = this.socket.write(this.#writer.buffer, 0, this.#writer.length, true);
    this.#writer.length = 0;
    return room;
  }

  body(bytes: Buffer, start: number, end: number, last: boolean): boolean {
    if (last) this.requestDone();
    if (this.#chunking) return writeChunk(this.socket, this.#writer, bytes, start, end, last);
    return this.socket.write(bytes, start, end);
  }

  trailers(trailers: Head): void {
    this.requestDone();
    // A body with a length has no room for them, and they may be left out (RFC 9110 section 6.5.1).
    if (this.#chunking) writeTrailers(this.socket, this.#writer, trailers);
  }

  decline(): void {
    this.giveBack();
  }
}

/** Methods whose requests have a body as a rule: without one they say so. */
const EXPECT_BODY = new Set(["POST", "PUT", "PATCH"]);
