/** A request of a client and the response to it, on a stream that the client opened. */
import type { HeadEdits } from "../http/edits.ts";
import type { Head } from "../http/head.ts";
import type { RequestHead } from "../http/request-head.ts";
import type { ResponseHead } from "../http/response-head.ts";
import { type Downstream, type DownstreamEvents, FULL, ROOM, type Sent, TOO_LARGE } from "../http/streams.ts";
import { NO_ERROR } from "./frames.ts";
import { Stream, type StreamOwner } from "./stream.ts";

/** What a server's stream needs of its connection besides. */
export interface ServerStreamOwner extends StreamOwner {
  readonly peerAddress: string;
  /** Write a head: how many bytes it took, or -1 when it is larger than the client takes. */
  writeResponse(stream: Stream, head: ResponseHead, edits: HeadEdits | undefined, last: boolean): number;
  writeReply(stream: Stream, status: number, headers: string, last: boolean): number;
}

export class ServerStream extends Stream implements Downstream {
  readonly version = 2;
  readonly head: RequestHead;
  headBytes = 0;
  /** Undefined before the request is announced, and once it is over for whoever served it. */
  #events: DownstreamEvents | undefined;
  readonly #server: ServerStreamOwner;
  readonly #accept: (stream: ServerStream) => DownstreamEvents;

  constructor(
    id: number,
    owner: ServerStreamOwner,
    sendWindow: number,
    head: RequestHead,
    accept: (stream: ServerStream) => DownstreamEvents,
  ) {
    super(id, owner, sendWindow);
    this.#server = owner;
    this.head = head;
    this.#accept = accept;
    this.expected = head.contentLength;
    this.headed = true;
  }

  get peerAddress(): string {
    return this.#server.peerAddress;
  }

  get requestDone(): boolean {
    return this.allTaken;
  }

  announce(): void {
    const events = this.#accept(this);
    this.#events = events;
    events.request(this.head);
  }

  takeBody(_framed: boolean): Buffer | undefined {
    return this.takePiece();
  }

  openBody(_framed: boolean, room: boolean): void {
    this.open(room);
  }

  informational(head: ResponseHead): void {
    if (this.#events === undefined || this.localEnded) return;
    this.#server.writeResponse(this, head, undefined, false);
  }

  respond(
    head: ResponseHead,
    edits: HeadEdits | undefined,
    bytes: Buffer,
    start: number,
    end: number,
    last: boolean,
  ): Sent {
    if (this.#events === undefined) return ROOM;
    const written = this.#server.writeResponse(this, head, edits, last && start === end);
    if (written < 0) return TOO_LARGE;
    this.headBytes += written;
    if (this.localEnded) this.endSent();
    if (start === end) return ROOM;
    return this.write(bytes, start, end, last) ? ROOM : FULL;
  }

  body(bytes: Buffer, start: number, end: number, last: boolean): boolean {
    return this.write(bytes, start, end, last);
  }

  trailers(trailers: Head): void {
    this.writeTrailers(trailers);
  }

  reply(status: number, body: string, headers: string): void {
    if (this.#events === undefined) return;
    const typed = body === "" || /^content-type:/im.test(headers);
    const lines = `content-length: ${body.length}\r\n${typed ? "" : "content-type: text/plain\r\n"}${headers}`;
    const bodiless = body === "" || this.head.method === "HEAD";
    this.headBytes += this.#server.writeReply(this, status, lines, bodiless);
    if (bodiless) this.endSent();
    else this.write(Buffer.from(body, "latin1"), 0, body.length, true);
  }

  switch(): undefined {
    return undefined;
  }

  finish(): void {
    this.#events = undefined;
    // What is to come of the request has no taker; the reset that says so waits for the end of the response.
    if (this.localEnded && !this.remoteEnded) this.cancel(NO_ERROR);
    else this.resume();
  }

  break(code: number): void {
    this.#events = undefined;
    this.cancel(code);
  }

  protected override sentAll(): void {
    if (this.#events === undefined && !this.remoteEnded) this.cancel(NO_ERROR);
  }

  protected deliver(bytes: Buffer, start: number, end: number, last: boolean): boolean {
    return this.#events?.requestBody(bytes, start, end, last) ?? true;
  }

  protected deliverTrailers(trailers: Head): void {
    this.#events?.requestTrailers(trailers);
  }

  protected writable(): void {
    this.#events?.clientWritable();
  }

  lost(): void {
    const events = this.#events;
    this.#events = undefined;
    events?.aborted("gone");
  }

  malformed(): void {
    const events = this.#events;
    this.#events = undefined;
    events?.aborted("malformed");
  }
}
