/**
 * The two sides of an exchange, whichever version of HTTP each speaks: `Downstream` is a request's way to its client,
 * `Upstream` its way to an endpoint. HTTP/1 has one of them at a time on a connection, HTTP/2 one a stream.
 *
 * Bodies travel in one of two forms, which the exchange chooses when it sends. `framed`: between two HTTP/1 connections a
 * chunked body keeps its framing, checked and forwarded as it came. Otherwise the bytes are content alone, and trailers
 * come by themselves. Who writes looks at the head: only one that says `chunked` comes with framed bytes.
 *
 * Backpressure is one rule for both: a write takes all that it is given, and returns false when some of it waits; then its
 * source stands still until it is told to go on. Bytes handed over belong to the receiver, which may free them.
 */
import type { Socket } from "../net/socket.ts";
import type { SpliceEnd } from "../net/splice.ts";
import type { HeadEdits } from "./edits.ts";
import type { Head } from "./head.ts";
import type { RequestHead } from "./request-head.ts";
import type { ResponseHead } from "./response-head.ts";

export type Version = 1 | 2;

/** How a head was taken. */
export type Sent = typeof ROOM | typeof FULL | typeof TOO_LARGE;
/** All of it is on its way. */
export const ROOM = 1;
/** Some of it waits: write no more than what is at hand. */
export const FULL = 0;
/** Nothing was written: the head with its additions is larger than a next hop takes. */
export const TOO_LARGE = -1;

/** One request, as seen from its client. After `aborted`, `finish` or `break` its methods do nothing. */
export interface Downstream {
  readonly version: Version;
  readonly head: RequestHead;
  /** The client's address, and the port that it calls from; 0 when it has gone. */
  readonly peerAddress: string;
  readonly peerPort: number;
  /** All of the request has been handed on: no body, no trailers are to come. */
  readonly requestDone: boolean;
  /** Bytes of the response heads written so far. */
  readonly headBytes: number;

  /** Takes a piece of the body that is at hand already, so that a small request is one write; undefined when there is none. */
  takeBody(framed: boolean): Buffer | undefined;
  /** From now on the body goes to `requestBody`; without `room` once there is some, by `resume`. */
  openBody(framed: boolean, room: boolean): void;
  /** The taker of the body has room again. */
  resume(): void;

  /** A 1xx other than 101. */
  informational(head: ResponseHead): void;
  /** The final head with the first bytes of the body, in one write where they fit; `last`: there is no more. */
  respond(
    head: ResponseHead,
    edits: HeadEdits | undefined,
    bytes: Buffer,
    start: number,
    end: number,
    last: boolean,
  ): Sent;
  body(bytes: Buffer, start: number, end: number, last: boolean): boolean;
  /** Ends the body. */
  trailers(trailers: Head): void;
  /** Writes a whole response of the proxy's own; `body` is latin1, `headers` are whole lines, each with its CRLF. */
  reply(status: number, body: string, headers: string): void;
  /** Says that the tunnel is open, and gives the client's end away, with what it said behind its request; undefined where none was asked for. */
  switch(head: ResponseHead, edits: HeadEdits | undefined): Switched | undefined;

  /** The response is written whole. */
  finish(): void;
  /** Breaks the response off: it must not look complete. `code` is HTTP/2's reason (RFC 9113 section 7). */
  break(code: number): void;
}

export interface Switched {
  readonly end: SpliceEnd;
  readonly late: Buffer | undefined;
}

/** What a request's client does. A `request` ends with one `finish` or `break` by its server, or one `aborted`. */
export interface DownstreamEvents {
  /** A head is in; the body waits until `openBody`. */
  request(head: RequestHead): void;
  /** More of the body; false: hold the client until `resume`. */
  requestBody(bytes: Buffer, start: number, end: number, last: boolean): boolean;
  /** The end of a body that is not framed; the head is the caller's. */
  requestTrailers(trailers: Head): void;
  /** The client takes response bytes again. */
  clientWritable(): void;
  /** The client went away, or sent a body that no message may have, before its response was over. */
  aborted(reason: "gone" | "malformed"): void;
}

/** What a client connection of either version tells besides its requests. */
export interface ConnectionEvents {
  /** Bytes were refused: a code of `refusal.ts`. */
  refused(code: number): void;
  /** The connection is over. */
  closed(): void;
}

/** A request on its way out. */
export interface OutgoingRequest {
  readonly head: RequestHead;
  readonly edits: HeadEdits | undefined;
  /** Known kinds of headers to leave out, besides those that concern one connection alone. */
  readonly drop: number;
  /** Header lines of this hop, each with its CRLF. */
  readonly additions: string;
  /** The body's form; also that of the response. */
  readonly framed: boolean;
  /** What is at hand of the body. */
  readonly pieces: readonly Buffer[];
  /** `pieces` are all of it. */
  readonly last: boolean;
}

/** One request's way to an endpoint: `send` or `decline` once. Nothing is said after `abort`. */
export interface Upstream {
  readonly version: Version;
  /** Nothing has been asked on this connection before. */
  readonly fresh: boolean;
  send(request: OutgoingRequest, events: UpstreamEvents): Sent;
  body(bytes: Buffer, start: number, end: number, last: boolean): boolean;
  /** Ends the body. */
  trailers(trailers: Head): void;
  /** The taker of the response has room again. */
  resume(): void;
  /** Gives the request up, and nobody is told. */
  abort(): void;
  /** Nothing will be sent on it. */
  decline(): void;
}

/** What an endpoint does with a request. Ends with exactly one of `complete`, `failed` and `switched`. */
export interface UpstreamEvents {
  /** A 1xx other than 101. */
  informational(head: ResponseHead): void;
  /** The final head, with the body's bytes that came along; false: hold the endpoint until `resume`. */
  response(head: ResponseHead, bytes: Buffer, start: number, end: number, last: boolean): boolean;
  /** More of the body; false: hold the endpoint until `resume`. */
  responseBody(bytes: Buffer, start: number, end: number, last: boolean): boolean;
  /** The end of a body that is not framed; `complete` follows. */
  responseTrailers(trailers: Head): void;
  /** The response is over, and its connection is free for others already. */
  complete(): void;
  /** The endpoint switched protocols: the socket, with what it said already, is the caller's now. */
  switched(socket: Socket, head: ResponseHead, early: Buffer | undefined): void;
  failed(failure: UpstreamFailure): void;
  /** The endpoint takes request bytes again. */
  endpointWritable(): void;
}

/** Why an exchange failed on the endpoint's side. */
export interface UpstreamFailure {
  /**
   * `reset`: the connection or the stream went away; `refused`: the endpoint wants no request more (REFUSED_STREAM); `unseen`:
   * it ends the connection and has not looked at the request (a GOAWAY that leaves it out), which says nothing of the endpoint;
   * `malformed`: the response was refused.
   */
  readonly kind: "reset" | "refused" | "unseen" | "malformed";
  /** Bytes of the response had come: the endpoint has taken the request. */
  readonly answered: boolean;
  /** The connection, which is gone, had served requests before: it may have been closed while idle. */
  readonly reused: boolean;
  /** Of a malformed response: the refusal's code. */
  readonly refused: number;
  /** HTTP/2's reason for a reset of the stream, to be handed on; `CANCEL` where there is none. */
  readonly code: number;
  readonly message: string;
}

/**
 * Whether the failure says nothing of the endpoint: a connection that sat idle may have been closed under us, and an endpoint
 * that closes one in order says which requests it has not looked at.
 */
export function saysNothing({ kind, reused, answered }: UpstreamFailure): boolean {
  return kind === "refused" || kind === "unseen" || (reused && !answered);
}

/** Codes of RFC 9113 section 7 that the exchange itself uses. */
export const NO_ERROR = 0;
export const INTERNAL_ERROR = 2;
export const CANCEL = 8;
