/**
 * One client's HTTP/1.1 connection: reads requests one after another, in order, and writes their responses.
 *
 * One request is served at a time; a pipelined one waits unread in the socket. The body is handed on only while
 * its taker has room, so a slow endpoint slows its client down instead of filling memory.
 */
import { LF } from "../http/characters.ts";
import type { HeadEdits } from "../http/edits.ts";
import { type Head, MAX_HEAD_BYTES } from "../http/head.ts";
import { HEAD_TIMEOUT, refusal } from "../http/refusal.ts";
import { RequestHead } from "../http/request-head.ts";
import type { ResponseHead } from "../http/response-head.ts";
import type { ConnectionEvents, Downstream, DownstreamEvents, Sent, Switched } from "../http/streams.ts";
import type { Socket, SocketEvents } from "../net/socket.ts";
import { TimerEntry, type TimerWheel } from "../net/timer-wheel.ts";
import { farewell } from "./farewell.ts";
import type { HeadWriter } from "./head-writer.ts";
import { localReply } from "./local-reply.ts";
import { MessageBody } from "./message-body.ts";
import { readRequest } from "./read-request.ts";
import { ResponseWriter } from "./response-writer.ts";

export interface ServerOptions {
  readonly wheel: TimerWheel;
  readonly writer: HeadWriter;
  /** Closes a connection without a request for so long. */
  readonly idleMs: number;
  /** A head must be in this long after its first byte. */
  readonly headMs: number;
}

const HEAD = 0;
const BODY = 1;
const WAITING = 2;
const CLOSED = 3;

/**
 * What is read of a client that cannot be served yet. Not nothing: a socket that is not read does not tell that its client has
 * left, and an application would work for nobody.
 */
const MAX_AHEAD = 64 * 1024;

/** A refused request's unread body is read and dropped up to here, to keep the connection. */
const MAX_DISCARD = 64 * 1024;

export class ServerConnection extends TimerEntry implements SocketEvents, Downstream {
  readonly version = 1;
  readonly socket: Socket;
  readonly head = new RequestHead();
  /** Response heads say `Connection: close` from now on. */
  draining = false;
  readonly #options: ServerOptions;
  readonly #connection: ConnectionEvents;
  readonly #events: DownstreamEvents;
  readonly #body = new MessageBody();
  readonly #response: ResponseWriter;
  #state = HEAD;
  #input: Buffer | undefined;
  #at = 0;
  #bodyOpen = false;
  #bodyBegun = false;
  /** It is settled whether the body keeps its framing. */
  #formed = false;
  #discard = 0;
  #processing = false;
  /** A part of a head is in, and its time is running. */
  #headBegun = false;
  /** The body was refused: where the next request begins cannot be known. */
  #malformedBody = false;
  /** The client was told to send its body. */
  #continued = false;
  /** The response at hand is the last, as its head says. */
  #closing = false;
  /** The response is written, though the client has not taken all of it. */
  #finishing = false;

  constructor(
    socket: Socket,
    options: ServerOptions,
    events: DownstreamEvents,
    connection: ConnectionEvents,
  ) {
    super();
    this.socket = socket;
    this.#options = options;
    this.#events = events;
    this.#connection = connection;
    this.#response = new ResponseWriter(socket, options.writer);
    socket.events = this;
    options.wheel.arm(this, options.idleMs);
  }

  get peerAddress(): string {
    return this.socket.peerAddress;
  }

  /** Between requests, with nothing read of the next. */
  get idle(): boolean {
    return this.#state === HEAD && this.#input === undefined;
  }

  get requestDone(): boolean {
    return this.#body.done && this.#state !== BODY;
  }

  get headBytes(): number {
    return this.#response.headBytes;
  }

  /** Whether the connection ends after this response, as its head must then say. */
  get #closesAfter(): boolean {
    return this.draining || this.head.close || this.#malformedBody || this.#bodyUncertain;
  }

  /**
   * The client asked whether to send its body and was not told to: it may send it all the same or leave it out, so where its
   * next request begins cannot be known (RFC 9110 section 10.1.1).
   */
  get #bodyUncertain(): boolean {
    return this.#state === BODY && !this.#continued && !this.#bodyBegun && this.head.expectsContinue;
  }

  // The request.

  takeBody(framed: boolean): Buffer | undefined {
    const input = this.#input;
    const body = this.#body;
    if (this.#state !== BODY || input === undefined) return undefined;
    this.#beginBody(framed);
    this.#bodyBegun = true;
    this.#consumed(body.take(input, this.#at, input.length));
    if (body.last) {
      this.#state = WAITING;
      this.socket.resume();
    }
    return body.end > body.start ? body.bytes.subarray(body.start, body.end) : undefined;
  }

  openBody(framed: boolean, room: boolean): void {
    this.#beginBody(framed);
    this.#bodyOpen = true;
    if (this.#body.refused < 0) {
      this.#malformed();
      return;
    }
    if (this.#body.trailers !== undefined && this.#state === BODY) {
      this.#state = WAITING;
      this.#events.requestTrailers(this.#body.trailers);
    }
    if (!room) {
      this.socket.pause();
      return;
    }
    this.resume();
  }

  #beginBody(framed: boolean): void {
    if (this.#formed) return;
    this.#formed = true;
    this.#body.keepFraming(framed || !this.head.chunked);
  }

  resume(): void {
    this.socket.resume();
    this.#process();
  }

  // The response.

  informational(head: ResponseHead): void {
    if (head.status === 100) this.#continued = true;
    this.#response.informational(head);
  }

  respond(
    head: ResponseHead,
    edits: HeadEdits | undefined,
    bytes: Buffer,
    start: number,
    end: number,
    last: boolean,
  ): Sent {
    this.#closing = this.#closesAfter;
    const additions = this.#closing ? "connection: close\r\n" : "";
    const bodiless = this.head.method === "HEAD";
    return this.#response.respond(head, edits, additions, bodiless, bytes, start, end, last);
  }

  body(bytes: Buffer, start: number, end: number, last: boolean): boolean {
    return this.#response.body(bytes, start, end, last);
  }

  trailers(trailers: Head): void {
    this.#response.trailers(trailers);
  }

  reply(status: number, body: string, headers: string): void {
    this.#closing = this.#closesAfter;
    this.#write(status, body, headers);
  }

  switch(head: ResponseHead, edits: HeadEdits | undefined): Switched {
    this.#response.switching(head, edits);
    const late = this.#input?.subarray(this.#at);
    this.#leave();
    this.socket.abandon();
    this.#connection.closed();
    return { socket: this.socket, late: late !== undefined && late.length > 0 ? late : undefined };
  }

  finish(): void {
    if (this.#state === CLOSED) return;
    // A pipelining client that does not read must not pile up responses here.
    if (this.socket.congested) {
      this.#finishing = true;
      return;
    }
    this.#bodyOpen = false;
    this.head.release();
    if (this.#closing || this.#malformedBody || this.socket.ended) {
      this.#linger();
      return;
    }
    this.#body.release();
    if (this.#state === BODY && !this.#body.done) {
      // Answered before the body was in: read the rest of a small one, or end here.
      this.#discard = MAX_DISCARD;
      this.#bodyOpen = true;
      this.#options.wheel.disarm(this);
      this.#options.wheel.arm(this, this.#options.headMs);
    } else {
      this.#state = HEAD;
      this.#options.wheel.arm(this, this.#options.idleMs);
    }
    this.socket.resume();
    this.#process();
  }

  break(_code: number): void {
    if (this.#state === CLOSED) return;
    this.#leave();
    this.socket.abandon();
    this.socket.destroy();
    this.#connection.closed();
  }

  /** Ends the connection after the response that it is in or waits for; `now`: at once when it is idle. */
  drain(now: boolean): void {
    this.draining = true;
    if (!now || !this.idle) return;
    this.#leave();
    farewell(this.socket, this.#options.wheel, () => this.#connection.closed());
    this.socket.end();
  }

  data(chunk: Buffer): void {
    if (this.#state === CLOSED || this.#malformedBody) return;
    const rest = this.#input;
    if (rest === undefined) {
      this.#input = chunk;
      this.#at = 0;
    } else {
      this.#input = Buffer.concat([this.#at === 0 ? rest : rest.subarray(this.#at), chunk]);
      this.#at = 0;
      // An unfinished head that got no further line cannot have become finished.
      if (this.#state === HEAD && this.#input.length < MAX_HEAD_BYTES && !chunk.includes(LF)) return;
    }
    this.#process();
  }

  /** Takes what is at hand as far as the state allows. */
  #process(): void {
    // A response written inside a handler comes back here: the loop that is running goes on with it.
    if (this.#processing) return;
    this.#processing = true;
    while (this.#input !== undefined && this.#step());
    this.#processing = false;
    const waits = this.#state === WAITING || (this.#state === BODY && !this.#bodyOpen);
    if (waits && this.#input !== undefined && this.#input.length - this.#at > MAX_AHEAD) {
      this.socket.pause();
    }
  }

  #step(): boolean {
    if (this.#state === HEAD) return this.#readHead();
    if (this.#state === BODY && this.#bodyOpen) return this.#readBody();
    return false;
  }

  #readHead(): boolean {
    const input = this.#input as Buffer;
    const { head } = this;
    const after = readRequest(head, input, this.#at, input.length);
    if (after === 0) {
      if (!this.#headBegun) {
        this.#headBegun = true;
        this.#options.wheel.disarm(this);
        this.#options.wheel.arm(this, this.#options.headMs);
      }
      return false;
    }
    this.#headBegun = false;
    if (after < 0) {
      this.#refuse(after);
      return false;
    }
    if (head.chunked) this.#body.chunked();
    else this.#body.length(head.contentLength > 0 ? head.contentLength : 0);
    this.#state = this.#body.done ? WAITING : BODY;
    this.#continued = false;
    this.#bodyBegun = false;
    this.#formed = false;
    this.#consumed(after);
    this.#events.request(head);
    if (this.#state === BODY) head.letGoOfRest();
    return true;
  }

  #readBody(): boolean {
    const input = this.#input as Buffer;
    if (this.#discard > 0) return this.#discardBody(input);
    const body = this.#body;
    this.#consumed(body.take(input, this.#at, input.length));
    this.#bodyBegun = true;
    const { done, last, bytes, start, end } = body;
    body.handedOn();
    if (done) this.#state = WAITING;
    const goOn = end === start && !last ? true : this.#events.requestBody(bytes, start, end, last);
    if (body.refused < 0) {
      this.#malformed();
      return false;
    }
    if (done && !last && body.trailers !== undefined) this.#events.requestTrailers(body.trailers);
    if (!goOn && !done) this.socket.pause();
    return done;
  }

  /** Reads on through a body that nobody wants, up to a limit. */
  #discardBody(input: Buffer): boolean {
    const start = this.#at;
    const end = this.#body.read(input, start, input.length);
    const { done } = this.#body;
    if (done) this.#state = HEAD;
    this.#consumed(end);
    this.#discard -= end - start;
    if (this.#body.refused < 0 || this.#discard <= 0) this.#linger();
    else if (done) this.#discard = 0;
    return done;
  }

  #consumed(at: number): void {
    if (this.#input !== undefined && at < this.#input.length) this.#at = at;
    else {
      this.#input = undefined;
      this.#at = 0;
    }
  }

  #malformed(): void {
    if (this.#malformedBody) return;
    this.#malformedBody = true;
    this.#input = undefined;
    this.#connection.refused(this.#body.refused);
    this.#events.aborted("malformed");
  }

  /** Answers bytes that are no request, and closes. */
  #refuse(code: number): void {
    this.#connection.refused(code);
    const { reason, status, message } = refusal(code);
    this.#closing = true;
    this.#write(status, `${reason}: ${message}\n`, "");
    this.#linger();
  }

  #write(status: number, body: string, headers: string): void {
    const noBody = this.head.method === "HEAD";
    const bytes = localReply(status, body, headers, { close: this.#closing, noBody });
    this.socket.write(bytes, 0, bytes.length);
  }

  /** Says no more, and lets the connection end. */
  #linger(): void {
    if (this.#state === CLOSED) return;
    this.#leave();
    farewell(this.socket, this.#options.wheel, () => this.#connection.closed());
  }

  expire(): void {
    if (this.#discard > 0) {
      this.#linger();
      return;
    }
    if (this.#state !== HEAD) return;
    if (this.#input !== undefined) this.#refuse(HEAD_TIMEOUT);
    else this.#linger();
  }

  writable(): void {
    if (this.#finishing) {
      this.#finishing = false;
      this.finish();
    } else this.#events.clientWritable();
  }

  ended(): void {
    if (this.#state === HEAD || this.#discard > 0) {
      this.#linger();
      return;
    }
    // As Envoy does: a client that stops sending has gone, and its request is given up.
    if (!this.#finishing) this.#events.aborted("gone");
  }

  closed(): void {
    if (this.#state === CLOSED) return;
    const serving = this.#state === BODY || this.#state === WAITING;
    this.#leave();
    if (serving && this.#discard === 0) this.#events.aborted("gone");
    this.#connection.closed();
  }

  #leave(): void {
    this.#state = CLOSED;
    this.#input = undefined;
    this.#options.wheel.disarm(this);
  }
}
