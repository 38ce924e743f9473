/** A request of a client and the response to it, on a stream that the client opened. */
import type { HeadEdits } from "../http/edits.ts";
import type { Head } from "../http/head.ts";
import type { RequestHead } from "../http/request-head.ts";
import type { ResponseHead } from "../http/response-head.ts";
import {
  type Downstream,
  type DownstreamEvents,
  FULL,
  ROOM,
  type Sent,
  type Switched,
  TOO_LARGE,
} from "../http/streams.ts";
import { INTERNAL_ERROR, NO_ERROR } from "./frames.ts";
import { Stream, type StreamOwner } from "./stream.ts";
import { StreamTunnel } from "./stream-tunnel.ts";

/** What a server's stream needs of its connection besides. */
export interface ServerStreamOwner extends StreamOwner {
  readonly peerAddress: string;
  readonly peerPort: number;
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
  #tunnel: StreamTunnel | undefined;
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

  get peerPort(): number {
    return this.#server.peerPort;
  }

  get requestDone(): boolean {
    // What follows a request for a tunnel waits until that is granted.
    return this.head.asksForTunnel || this.allTaken;
  }

  announce(): void {
    const events = this.#accept(this);
    this.#events = events;
    events.request(this.head);
  }

  takeBody(_framed: boolean): Buffer | undefined {
    return this.requestDone ? undefined : this.takePiece();
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
    // To a client that asked for a tunnel any 2xx means that it has one (RFC 9110 section 9.3.6).
    const code = this.head.asksForTunnel && status < 300 ? 502 : status;
    const typed = body === "" || /^content-type:/im.test(headers);
    const lines = `content-length: ${body.length}\r\n${typed ? "" : "content-type: text/plain\r\n"}${headers}`;
    const bodiless = body === "" || this.head.method === "HEAD";
    this.headBytes += this.#server.writeReply(this, code, lines, bodiless);
    if (bodiless) this.endSent();
    else this.write(Buffer.from(body, "latin1"), 0, body.length, true);
  }

  switch(head: ResponseHead, edits: HeadEdits | undefined): Switched | undefined {
    if (!this.head.asksForTunnel || this.#events === undefined) return undefined;
    const tunnel = new StreamTunnel(this);
    const written = this.#server.writeResponse(this, head, withoutAccept(edits), false);
    this.headBytes += written;
    this.#events = undefined;
    this.#tunnel = tunnel;
    if (written < 0) {
      this.break(INTERNAL_ERROR);
      queueMicrotask(() => tunnel.lost("the response's head is larger than the client takes"));
    }
    return { end: tunnel, late: undefined };
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
    if (this.#tunnel !== undefined) this.#tunnel.sent();
    else if (this.#events === undefined && !this.remoteEnded) this.cancel(NO_ERROR);
  }

  protected deliver(bytes: Buffer, start: number, end: number, last: boolean): boolean {
    if (this.#tunnel !== undefined) return this.#tunnel.received(bytes, start, end, last);
    return this.#events?.requestBody(bytes, start, end, last) ?? true;
  }

  protected deliverTrailers(trailers: Head): void {
    this.#events?.requestTrailers(trailers);
    this.#tunnel?.misused();
  }

  protected writable(): void {
    this.#events?.clientWritable();
    this.#tunnel?.writable();
  }

  lost(_code: number, message: string): void {
    const events = this.#events;
    this.#events = undefined;
    events?.aborted("gone");
    this.#tunnel?.lost(message);
  }

  malformed(): void {
    const events = this.#events;
    this.#events = undefined;
    events?.aborted("malformed");
    this.#tunnel?.lost("the client broke the rules of HTTP/2");
  }
}

/** HTTP/2 has no key that it would answer (RFC 8441 section 5). */
const ACCEPT: ReadonlySet<string> = new Set(["sec-websocket-accept"]);

function withoutAccept(edits: HeadEdits | undefined): HeadEdits {
  const remove = edits?.remove === undefined ? ACCEPT : new Set([...edits.remove, ...ACCEPT]);
  return { ...edits, remove };
}
