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
import { CONNECT, RequestHead } from "../http/request-head.ts";
import type { ResponseHead } from "../http/response-head.ts";
import type { ConnectionEvents, Downstream, DownstreamEvents, Sent, Switched } from "../http/streams.ts";
import type { Socket, SocketEvents } from "../net/socket.ts";
import { TimerEntry, type TimerWheel } from "../net/timer-wheel.ts";
import { farewell } from "./farewell.ts";
import type { HeadWriter } from "./head-writer.ts";
import { Input } from "./input.ts";
import { readRequest } from "./read-request.ts";
import { RequestBody } from "./request-body.ts";
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

export class ServerConnection extends TimerEntry implements SocketEvents, Downstream {
  readonly version = 1;
  readonly socket: Socket;
  readonly head = new RequestHead();
  /** Response heads say `Connection: close` from now on. */
  draining = false;
  readonly #options: ServerOptions;
  readonly #connection: ConnectionEvents;
  readonly #events: DownstreamEvents;
  readonly #input = new Input();
  readonly #body = new RequestBody();
  readonly #response: ResponseWriter;
  #state = HEAD;
  #processing = false;
  /** A part of a head is in, and its time is running. */
  #headBegun = false;
  /** The body was refused: where the next request begins cannot be known. */
  #malformedBody = false;
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
    return this.#state === HEAD && this.#input.bytes === undefined;
  }

  get requestDone(): boolean {
    return this.#body.done && this.#state !== BODY;
  }

  get headBytes(): number {
    return this.#response.headBytes;
  }

  /** Whether the connection ends after this response, as its head must then say. */
  get #closesAfter(): boolean {
    const { draining, head } = this;
    const uncertain = this.#state === BODY && this.#body.uncertain(head);
    // What a refused CONNECT was followed by may have been meant for the tunnel (RFC 9110 section 9.3.6): it is no request.
    return draining || head.close || this.#malformedBody || uncertain || head.method === CONNECT;
  }

  // The request.

  takeBody(framed: boolean): Buffer | undefined {
    const { bytes, at } = this.#input;
    const body = this.#body;
    if (this.#state !== BODY || bytes === undefined) return undefined;
    body.form(framed, this.head);
    this.#input.taken(body.take(bytes, at, bytes.length));
    if (body.last) {
      this.#state = WAITING;
      this.socket.resume();
    }
    return body.end > body.start ? body.bytes.subarray(body.start, body.end) : undefined;
  }

  openBody(framed: boolean, room: boolean): void {
    const body = this.#body;
    body.form(framed, this.head);
    body.open = true;
    if (body.refused < 0) {
      this.#malformed();
      return;
    }
    if (body.trailers !== undefined && this.#state === BODY) {
      this.#state = WAITING;
      this.#events.requestTrailers(body.trailers);
    }
    if (room) this.resume();
    else this.socket.pause();
  }

  resume(): void {
    this.socket.resume();
    this.#process();
  }

  // The response.

  informational(head: ResponseHead): void {
    if (head.status === 100) this.#body.continued = true;
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
    this.#reply(status, body, headers, this.#closesAfter);
  }

  switch(head: ResponseHead, edits: HeadEdits | undefined): Switched {
    this.#response.switching(head, edits);
    const late = this.#input.rest();
    this.#leave();
    this.socket.abandon();
    this.#connection.closed();
    return { socket: this.socket, late };
  }

  finish(): void {
    if (this.#state === CLOSED) return;
    // A pipelining client that does not read must not pile up responses here.
    if (this.socket.congested) {
      this.#finishing = true;
      return;
    }
    this.#body.open = false;
    this.head.release();
    if (this.#closing || this.#malformedBody || this.socket.ended) {
      this.#linger();
      return;
    }
    this.#body.release();
    if (this.#state === BODY && !this.#body.done) {
      // Answered before the body was in: read the rest of a small one, or end here.
      this.#body.discard();
      this.#options.wheel.disarm(this);
      this.#options.wheel.arm(this, this.#options.headMs);
    } else this.#await();
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
    const input = this.#input;
    const fresh = input.add(chunk);
    // An unfinished head that got no further line cannot have become finished.
    const same = !fresh && this.#state === HEAD && input.waiting < MAX_HEAD_BYTES && !chunk.includes(LF);
    if (same) return;
    this.#process();
  }

  /** Takes what is at hand as far as the state allows. */
  #process(): void {
    // A response written inside a handler comes back here: the loop that is running goes on with it.
    if (this.#processing) return;
    this.#processing = true;
    while (this.#step());
    this.#processing = false;
    const waits = this.#state === WAITING || (this.#state === BODY && !this.#body.open);
    if (waits && this.#input.waiting > MAX_AHEAD) this.socket.pause();
  }

  #step(): boolean {
    const { bytes } = this.#input;
    if (bytes === undefined) return false;
    if (this.#state === HEAD) return this.#readHead(bytes);
    if (this.#state !== BODY || !this.#body.open) return false;
    return this.#body.discarding ? this.#discard(bytes) : this.#readBody(bytes);
  }

  #readHead(bytes: Buffer): boolean {
    const { head } = this;
    const after = readRequest(head, bytes, this.#input.at, bytes.length);
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
    this.#body.of(head);
    this.#state = this.#body.done ? WAITING : BODY;
    this.#input.taken(after);
    this.#events.request(head);
    if (this.#state === BODY) head.letGoOfRest();
    return true;
  }

  #readBody(input: Buffer): boolean {
    const body = this.#body;
    this.#input.taken(body.take(input, this.#input.at, input.length));
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
  #discard(input: Buffer): boolean {
    const body = this.#body;
    this.#input.taken(body.drop(input, this.#input.at));
    if (body.discarding) return false;
    if (!body.done) {
      this.#linger();
      return false;
    }
    this.#await();
    return true;
  }

  /** The next request may come. */
  #await(): void {
    this.#state = HEAD;
    this.#options.wheel.arm(this, this.#options.idleMs);
  }

  #malformed(): void {
    if (this.#malformedBody) return;
    this.#malformedBody = true;
    this.#input.clear();
    this.#connection.refused(this.#body.refused);
    this.#events.aborted("malformed");
  }

  /** Answers bytes that are no request, and closes. */
  #refuse(code: number): void {
    this.#connection.refused(code);
    const { reason, status, message } = refusal(code);
    this.#reply(status, `${reason}: ${message}\n`, "", true);
    this.#linger();
  }

  #reply(status: number, body: string, headers: string, close: boolean): void {
    this.#closing = close;
    this.#response.reply(status, body, headers, { close, noBody: this.head.method === "HEAD" });
  }

  /** Says no more, and lets the connection end. */
  #linger(): void {
    if (this.#state === CLOSED) return;
    this.#leave();
    farewell(this.socket, this.#options.wheel, () => this.#connection.closed());
  }

  expire(): void {
    if (this.#state === HEAD && this.#input.bytes !== undefined) this.#refuse(HEAD_TIMEOUT);
    else if (this.#state === HEAD || this.#body.discarding) this.#linger();
  }

  writable(): void {
    if (this.#finishing) {
      this.#finishing = false;
      this.finish();
    } else this.#events.clientWritable();
  }

  ended(): void {
    if (this.#state === HEAD || this.#body.discarding) {
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
    if (serving && !this.#body.discarding) this.#events.aborted("gone");
    this.#connection.closed();
  }

  #leave(): void {
    this.#state = CLOSED;
    this.#input.clear();
    this.#options.wheel.disarm(this);
  }
}
