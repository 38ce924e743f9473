/**
 * One request and its response on their way between a client and an endpoint, whichever version of HTTP either speaks: moves
 * both, keeps what a retry needs, and asks its owner wherever something is to be decided. On an HTTP/1 connection one object
 * serves the requests one after another, so that a request allocates next to nothing.
 */
import { freeRead } from "../net/free-read.ts";
import type { SpliceEnd } from "../net/splice.ts";
import { Account } from "./account.ts";
import type { HeadEdits } from "./edits.ts";
import type { ExchangeOptions, ExchangeOwner } from "./exchange-owner.ts";
import { GRPC_STATUS } from "./field-kinds.ts";
import { grpcReply, grpcStatusOf, isGrpc } from "./grpc.ts";
import type { Head } from "./head.ts";
import { NOTHING, Outgoing } from "./outgoing.ts";
import type { RequestHead } from "./request-head.ts";
import type { ResponseHead } from "./response-head.ts";
import { type BodyCopy, SentBody } from "./sent-body.ts";
import {
  CANCEL,
  type Downstream,
  type DownstreamEvents,
  INTERNAL_ERROR,
  ROOM,
  TOO_LARGE,
  type Upstream,
  type UpstreamEvents,
  type UpstreamFailure,
} from "./streams.ts";

export class Exchange extends Account implements DownstreamEvents, UpstreamEvents {
  /** The response has begun: it can only be completed or broken off. */
  responding = false;
  responseEdits: HeadEdits | undefined;
  /** When the end of a body came that did not come with its head, in ms. */
  bodyEndedAt = 0;
  /** Most bytes that the request's body may have, as it arrives: chunks count with their framing. */
  maxBodyBytes = Number.POSITIVE_INFINITY;
  /** Header lines of every answer of our own to this request. */
  replyLines = "";
  /** Told when a request is over and nothing more will come of it: the exchange may serve another. */
  idle: (() => void) | undefined;
  readonly #options: ExchangeOptions;
  readonly #owner: ExchangeOwner;
  #downstream: Downstream | undefined;
  #upstream: Upstream | undefined;
  #outgoing: Outgoing | undefined;
  readonly #sent = new SentBody();
  #headLength = 0;
  #active = false;

  constructor(options: ExchangeOptions, owner: ExchangeOwner) {
    super();
    this.#options = options;
    this.#owner = owner;
  }

  /** Where the client's requests come from; set before the first. */
  get downstream(): Downstream {
    if (this.#downstream === undefined) throw new Error("an exchange has no client yet");
    return this.#downstream;
  }
  set downstream(downstream: Downstream) {
    this.#downstream = downstream;
  }

  /** A request is being served: false once its response is out or its client has gone. */
  get active(): boolean {
    return this.#active;
  }

  get head(): RequestHead {
    return this.downstream.head;
  }

  /** As logs name the client's version. */
  get protocol(): string {
    return this.downstream.version === 1 ? "HTTP/1.1" : "HTTP/2";
  }

  /** The client's address. */
  get peerAddress(): string {
    return this.downstream.peerAddress;
  }

  get requestBytes(): number {
    return this.#headLength + this.#sent.bytes;
  }

  /** The request can be sent again as it was. */
  get replayable(): boolean {
    return this.#sent.replayable;
  }

  /** Who gets copies of the request. */
  set copies(copies: readonly BodyCopy[]) {
    this.#sent.copies = copies;
  }

  request(head: RequestHead): void {
    this.open(this.#options.now(), isGrpc(head));
    this.#headLength = head.end - head.start;
    this.responding = false;
    this.responseEdits = undefined;
    this.replyLines = "";
    this.bodyEndedAt = 0;
    this.maxBodyBytes = Number.POSITIVE_INFINITY;
    this.#sent.reset();
    this.#active = true;
    this.#owner.request(head);
  }

  /** Gives the exchange so long, in ms, from now. */
  limit(timeoutMs: number): void {
    this.#options.wheel.arm(this, timeoutMs);
  }

  /** Sends the request to the endpoint; again, after a failure, when it is `replayable`. */
  send(upstream: Upstream, edits: HeadEdits | undefined, drop: number, additions: string): void {
    const { downstream } = this;
    const { head } = downstream;
    const framed = downstream.version === 1 && upstream.version === 1;
    if (!this.#sent.fits(framed, head.chunked)) {
      upstream.decline();
      this.flags = "UC";
      this.reply(503, "the next endpoint speaks another version of HTTP than the one before\n");
      return;
    }
    this.status = 0;
    this.answeredAt = 0;
    this.#upstream = upstream;
    this.#outgoing ??= new Outgoing(head);
    const request = this.#outgoing;
    request.head = head;
    request.edits = edits;
    request.drop = drop;
    request.additions = additions;
    request.framed = framed;
    request.pieces = this.#sent.pieces(downstream, framed);
    if (this.#sent.bytes > this.maxBodyBytes) {
      upstream.decline();
      this.#owner.oversized?.();
      return;
    }
    const last = downstream.requestDone;
    request.last = last;
    const sent = upstream.send(request, this);
    request.pieces = NOTHING;
    if (sent === TOO_LARGE) {
      this.#upstream = undefined;
      this.flags = "DPE";
      this.reply(431, "the head with the mesh's additions is larger than 96 KiB\n");
      return;
    }
    if (!last) downstream.openBody(framed, sent === ROOM);
  }

  /** Gives up on the endpoint that the request was sent to; its response, if any, is dropped. */
  abandon(): void {
    this.#upstream?.abort();
    this.#upstream = undefined;
  }

  /**
   * Answers without an endpoint. The connection goes on, unless the request's body is too long to wait for. A gRPC client is
   * told in its own terms.
   */
  reply(status: number, body: string, headers = ""): void {
    if (this.grpc) this.replyGrpc(grpcStatusOf(status), body, headers);
    else this.#reply(status, body, headers);
  }

  /** Answers with nothing but a status of gRPC. */
  replyGrpc(grpcStatus: number, message: string, headers = ""): void {
    this.grpcStatus = String(grpcStatus);
    this.#reply(200, "", grpcReply(grpcStatus, message, headers));
  }

  #reply(status: number, body: string, headers: string): void {
    if (!this.#active) return;
    this.abandon();
    this.own = true;
    this.status = status;
    this.answeredAt = this.#options.now();
    this.responseBytes = body.length;
    this.downstream.reply(status, body, headers + this.replyLines);
    this.#finish();
  }

  // What the client does.

  requestBody(bytes: Buffer, start: number, end: number, last: boolean): boolean {
    if (this.#active && this.#sent.bytes + end - start > this.maxBodyBytes) {
      this.#owner.oversized?.();
      return false;
    }
    if (last) this.bodyEndedAt = this.#options.now();
    const upstream = this.#upstream;
    if (upstream !== undefined) {
      this.#sent.add(bytes, start, end, last);
      const room = upstream.body(bytes, start, end, last);
      if (room && !this.#sent.keeps) this.#free(bytes, start, end);
      return room;
    }
    // Between two tries, the next of which opens the body again; or the response is over before its request.
    if (this.#active) this.#sent.hold(bytes, start, end, last);
    return false;
  }

  requestTrailers(trailers: Head): void {
    if (!this.#active) return;
    this.bodyEndedAt = this.#options.now();
    this.#sent.trailers(trailers);
    if (this.#upstream !== undefined) {
      this.#upstream.trailers(trailers);
      return;
    }
    // The next try, which may wait for a connection already, would not have them.
    this.#owner.cancelled(false);
    this.flags = "UC";
    this.reply(503, "the endpoint failed before the request's trailers came, and they are sent once\n");
  }

  aborted(reason: "gone" | "malformed"): void {
    if (!this.#active) return;
    this.abandon();
    this.#owner.cancelled(false);
    this.flags = reason === "gone" ? "DC" : "DPE";
    if (reason === "malformed" && !this.responding) {
      this.reply(400, "malformed request body\n");
      return;
    }
    this.#end();
    this.downstream.break(CANCEL);
    this.idle?.();
  }

  expire(): void {
    if (!this.#active) return;
    this.#owner.cancelled(true);
    this.flags = "UT";
    if (this.responding) {
      this.breakOff();
      return;
    }
    this.reply(504, "upstream request timeout\n");
  }

  // What the endpoint does.

  informational(head: ResponseHead): void {
    this.downstream.informational(head);
  }

  response(head: ResponseHead, bytes: Buffer, start: number, end: number, last: boolean): boolean {
    const { downstream } = this;
    this.status = head.status;
    if (this.grpc) this.grpcStatus = head.known(GRPC_STATUS) ?? "";
    this.answeredAt = this.#options.now();
    if (!this.#owner.responding(head)) return true;
    const sent = downstream.respond(head, this.responseEdits, bytes, start, end, last);
    if (sent === TOO_LARGE) {
      this.flags = "UPE";
      this.reply(502, "the response's head is larger than the client takes\n");
      return false;
    }
    this.responding = true;
    this.#sent.forget();
    this.responseBytes = downstream.headBytes + end - start;
    return sent === ROOM;
  }

  responseBody(bytes: Buffer, start: number, end: number, last: boolean): boolean {
    this.responseBytes += end - start;
    const room = this.downstream.body(bytes, start, end, last);
    if (room) this.#free(bytes, start, end);
    return room;
  }

  /** A read that was handed on whole: between connections of HTTP/1.1, who has room for more has written it and keeps nothing. */
  #free(bytes: Buffer, start: number, end: number): void {
    if (this.#outgoing?.framed === true && start === 0 && end === bytes.length) freeRead(bytes);
  }

  responseTrailers(trailers: Head): void {
    if (this.grpc) this.grpcStatus = trailers.known(GRPC_STATUS) ?? this.grpcStatus;
    this.#owner.trailers?.(trailers);
    this.downstream.trailers(trailers);
  }

  complete(): void {
    this.#upstream = undefined;
    this.#finish();
  }

  switched(endpoint: SpliceEnd, head: ResponseHead, early: Buffer | undefined): void {
    this.#upstream = undefined;
    this.status = head.status;
    this.responding = true;
    this.answeredAt = this.#options.now();
    this.#owner.responding(head);
    this.#options.wheel.disarm(this);
    const client = this.downstream.switch(head, this.responseEdits);
    if (client === undefined) endpoint.destroy();
    else this.#owner.tunnel(client.end, endpoint, early, client.late);
    this.#end();
    this.idle?.();
  }

  failed(failure: UpstreamFailure): void {
    this.#upstream = undefined;
    if (failure.refused < 0) this.#owner.refused(failure.refused);
    if (!this.responding) {
      this.#owner.failed(failure);
      return;
    }
    this.broken = true;
    this.flags = failure.kind === "malformed" ? "UPE" : "UC";
    this.breakOff(failure.code);
  }

  clientWritable(): void {
    this.#upstream?.resume();
  }

  endpointWritable(): void {
    this.downstream.resume();
  }

  /** Ends the response with a reset: nothing that the client got may pass for a whole one. */
  breakOff(code: number = INTERNAL_ERROR): void {
    if (!this.#active) return;
    this.abandon();
    this.#end();
    this.downstream.break(code);
    this.idle?.();
  }

  #end(): void {
    if (!this.#active) return;
    this.#active = false;
    this.#sent.end();
    if (this.slot >= 0) this.#options.wheel.disarm(this);
    this.#owner.ended();
  }

  #finish(): void {
    if (!this.#active) return;
    this.#end();
    this.downstream.finish();
    this.idle?.();
  }
}
