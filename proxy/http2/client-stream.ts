/** A request to an endpoint and its response, on a stream that we opened. */
import type { Head } from "../http/head.ts";
import type { ResponseHead } from "../http/response-head.ts";
import {
  FULL,
  type OutgoingRequest,
  ROOM,
  type Sent,
  TOO_LARGE,
  type Upstream,
  type UpstreamEvents,
  type UpstreamFailure,
} from "../http/streams.ts";
import { CANCEL, NO_ERROR, REFUSED_STREAM } from "./frames.ts";
import { EMPTY, Stream, type StreamOwner } from "./stream.ts";

export interface ClientStreamOwner extends StreamOwner {
  /** Nothing has been asked on the connection yet. */
  readonly fresh: boolean;
  /** Streams at once that the endpoint allows; undefined before it has said so. */
  readonly allowed: number | undefined;
  /** The connection is over, and not a stream of it alone. */
  readonly over: boolean;
  /** Gives the stream its number and writes its head; false when it is larger than the endpoint takes. */
  writeRequest(stream: ClientStream, request: OutgoingRequest, last: boolean): boolean;
  /** The stream will not be used. */
  declined(stream: ClientStream): void;
}

export class ClientStream extends Stream implements Upstream {
  readonly version = 2;
  /** The connection's first request. */
  #first = false;
  /** It was begun before the endpoint had said how many it allows. */
  #unasked = false;
  /** The request's method was HEAD. */
  #bodiless = false;
  #head: ResponseHead | undefined;
  #events: UpstreamEvents | undefined;
  readonly #client: ClientStreamOwner;

  constructor(owner: ClientStreamOwner) {
    super(0, owner, 0);
    this.#client = owner;
  }

  get fresh(): boolean {
    return this.id === 0 ? this.#client.fresh : this.#first;
  }

  send(request: OutgoingRequest, events: UpstreamEvents): Sent {
    const { pieces, last } = request;
    this.#bodiless = request.head.method === "HEAD";
    const headOnly = last && pieces.length === 0;
    if (this.reset) {
      // The connection went away between being chosen and this.
      this.#events = events;
      queueMicrotask(() => this.#failed("unseen", 0, CANCEL, "the connection is gone"));
      return ROOM;
    }
    this.#first = this.#client.fresh;
    this.#unasked = this.#client.allowed === undefined;
    if (!this.#client.writeRequest(this, request, headOnly)) {
      this.decline();
      return TOO_LARGE;
    }
    this.#events = events;
    if (headOnly) {
      this.endSent();
      return ROOM;
    }
    let room = true;
    for (let index = 0; index < pieces.length; index++) {
      const piece = pieces[index] as Buffer;
      room = this.write(piece, 0, piece.length, last && index === pieces.length - 1);
    }
    return room ? ROOM : FULL;
  }

  body(bytes: Buffer, start: number, end: number, last: boolean): boolean {
    return this.write(bytes, start, end, last);
  }

  trailers(trailers: Head): void {
    this.writeTrailers(trailers);
  }

  abort(): void {
    this.#events = undefined;
    if (this.id === 0) this.decline();
    else this.cancel(CANCEL);
  }

  decline(): void {
    if (this.reset) return;
    this.reset = true;
    this.#client.declined(this);
  }

  /** A head is in; the connection announces the final one with what comes along. */
  respond(head: ResponseHead): void {
    if (head.status < 200) {
      this.#events?.informational(head);
      return;
    }
    this.headed = true;
    this.#head = head;
    // Whatever its head says, these have none (RFC 9110 section 6.4.1), and HTTP/1.1 has no place for any.
    const bodiless = this.#bodiless || head.status === 204 || head.status === 304;
    this.expected = bodiless ? 0 : head.contentLength;
  }

  announce(): void {
    const head = this.#head;
    const events = this.#events;
    if (head === undefined || events === undefined) return;
    this.#head = undefined;
    const piece = this.takePiece() ?? EMPTY;
    const last = this.allTaken;
    const room = events.response(head, piece, 0, piece.length, last);
    if (last) this.#complete();
    else if (!this.reset) this.open(room);
  }

  protected deliver(bytes: Buffer, start: number, end: number, last: boolean): boolean {
    return this.#events?.responseBody(bytes, start, end, last) ?? true;
  }

  protected deliverTrailers(trailers: Head): void {
    this.#events?.responseTrailers(trailers);
  }

  protected override delivered(): void {
    this.#complete();
  }

  #complete(): void {
    const events = this.#events;
    this.#events = undefined;
    // The endpoint has said all that it will: what is left of the request has no taker (RFC 9113 section 8.1).
    if (!this.localEnded && !this.reset) this.cancel(NO_ERROR);
    events?.complete();
  }

  protected writable(): void {
    this.#events?.endpointWritable();
  }

  lost(code: number, message: string): void {
    const refused = code === REFUSED_STREAM && !this.headed;
    // One more than the endpoint allows was not looked at, and we could not know.
    if (refused && this.#unasked) this.refuse(message);
    // A whole response that nobody has taken yet is still one; otherwise it cannot be completed.
    else this.#failed(refused ? "refused" : "reset", 0, code, message);
  }

  /** The endpoint has not looked at the request. */
  refuse(message: string): void {
    this.#failed("unseen", 0, REFUSED_STREAM, message);
  }

  malformed(refused: number): void {
    this.#failed("malformed", refused, CANCEL, "the response is not HTTP/2");
  }

  #failed(kind: UpstreamFailure["kind"], refused: number, code: number, message: string): void {
    const events = this.#events;
    this.#events = undefined;
    // A reset of one stream is the endpoint's answer to it, however long its connection had been there.
    const reused = !this.#first && this.#client.over;
    events?.failed({ kind, answered: this.headed, reused, refused, code, message });
  }
}
