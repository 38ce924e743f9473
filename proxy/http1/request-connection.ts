/**
 * What one client's HTTP/1.1 connection says: reads requests one after another, in order.
 *
 * One request is served at a time; a pipelined one waits unread in the socket. The body is handed on only while
 * its taker has room, so a slow endpoint slows its client down instead of filling memory.
 */
import { LF } from "../http/characters.ts";
import { MAX_HEAD_BYTES } from "../http/head.ts";
import { RequestHead } from "../http/request-head.ts";
import type { DownstreamEvents } from "../http/streams.ts";
import type { Socket, SocketEvents } from "../net/socket.ts";
import { TimerEntry, type TimerWheel } from "../net/timer-wheel.ts";
import { Input } from "./input.ts";
import { readRequest } from "./read-request.ts";
import { RequestBody } from "./request-body.ts";

export interface RequestOptions {
  readonly wheel: TimerWheel;
  /** Closes a connection without a request for so long. */
  readonly idleMs: number;
  /** A head must be in this long after its first byte. */
  readonly headMs: number;
}

/** What the connection is in: the next head, a body, the wait for a response. */
export const HEAD = 0;
export const BODY = 1;
export const WAITING = 2;
export const CLOSED = 3;

/**
 * What is read of a client that cannot be served yet. Not nothing: a socket that is not read does not tell that its client has
 * left, and an application would work for nobody.
 */
const MAX_AHEAD = 64 * 1024;

export abstract class RequestConnection extends TimerEntry implements SocketEvents {
  readonly socket: Socket;
  readonly head = new RequestHead();
  protected readonly input = new Input();
  protected readonly incoming = new RequestBody();
  protected state = HEAD;
  /** The body was refused: where the next request begins cannot be known. */
  protected malformed = false;
  protected readonly options: RequestOptions;
  protected readonly events: DownstreamEvents;
  #processing = false;
  /** A part of a head is in, and its time is running. */
  #headBegun = false;

  constructor(socket: Socket, options: RequestOptions, events: DownstreamEvents) {
    super();
    this.socket = socket;
    this.options = options;
    this.events = events;
    socket.events = this;
    options.wheel.arm(this, options.idleMs);
  }

  /** Bytes are no request. */
  protected abstract refuse(code: number): void;
  /** A request's body is malformed. */
  protected abstract refuseBody(code: number): void;
  /** Says no more, and lets the connection end. */
  protected abstract linger(): void;
  abstract writable(): void;
  abstract ended(): void;
  abstract closed(): void;

  /** Between requests, with nothing read of the next. */
  get idle(): boolean {
    return this.state === HEAD && this.input.bytes === undefined;
  }

  get requestDone(): boolean {
    return this.incoming.done && this.state !== BODY;
  }

  // The request at hand.

  takeBody(framed: boolean): Buffer | undefined {
    const { bytes, at } = this.input;
    const body = this.incoming;
    if (this.state !== BODY || bytes === undefined) return undefined;
    body.form(framed, this.head);
    this.input.taken(body.take(bytes, at, bytes.length));
    if (body.last) {
      this.state = WAITING;
      this.socket.resume();
    }
    return body.end > body.start ? body.bytes.subarray(body.start, body.end) : undefined;
  }

  openBody(framed: boolean, room: boolean): void {
    const body = this.incoming;
    body.form(framed, this.head);
    body.open = true;
    if (body.refused < 0) {
      this.#malform();
      return;
    }
    if (body.trailers !== undefined && this.state === BODY) {
      this.state = WAITING;
      this.events.requestTrailers(body.trailers);
    }
    if (room) this.resume();
    else this.socket.pause();
  }

  resume(): void {
    this.socket.resume();
    this.process();
  }

  /** Reads the rest of a body that nobody wants, if it is small, within the time for a head. */
  protected skipBody(): void {
    this.incoming.discard();
    this.#within(this.options.headMs);
  }

  /** The next request may come. */
  protected await(): void {
    this.state = HEAD;
    this.options.wheel.arm(this, this.options.idleMs);
  }

  #within(ms: number): void {
    this.options.wheel.disarm(this);
    this.options.wheel.arm(this, ms);
  }

  // Reading.

  data(chunk: Buffer): void {
    if (this.state === CLOSED || this.malformed) return;
    const input = this.input;
    const fresh = input.add(chunk);
    // An unfinished head that got no further line cannot have become finished.
    const same = !fresh && this.state === HEAD && input.waiting < MAX_HEAD_BYTES && !chunk.includes(LF);
    if (same) return;
    this.process();
  }

  /** Takes what is at hand as far as the state allows. */
  protected process(): void {
    // A response written inside a handler comes back here: the loop that is running goes on with it.
    if (this.#processing) return;
    this.#processing = true;
    while (this.#step());
    this.#processing = false;
    const waits = this.state === WAITING || (this.state === BODY && !this.incoming.open);
    if (waits && this.input.waiting > MAX_AHEAD) this.socket.pause();
  }

  #step(): boolean {
    const { bytes } = this.input;
    if (bytes === undefined) return false;
    if (this.state === HEAD) return this.#readHead(bytes);
    if (this.state !== BODY || !this.incoming.open) return false;
    return this.incoming.discarding ? this.#discard(bytes) : this.#readBody(bytes);
  }

  #readHead(bytes: Buffer): boolean {
    const { head } = this;
    const after = readRequest(head, bytes, this.input.at, bytes.length);
    if (after === 0) {
      if (!this.#headBegun) {
        this.#headBegun = true;
        this.#within(this.options.headMs);
      }
      return false;
    }
    this.#headBegun = false;
    if (after < 0) {
      this.refuse(after);
      return false;
    }
    this.incoming.of(head);
    this.state = this.incoming.done ? WAITING : BODY;
    this.input.taken(after);
    this.events.request(head);
    if (this.state === BODY) head.letGoOfRest();
    return true;
  }

  #readBody(input: Buffer): boolean {
    const body = this.incoming;
    this.input.taken(body.take(input, this.input.at, input.length));
    const { done, last, bytes, start, end } = body;
    body.handedOn();
    if (done) this.state = WAITING;
    const goOn = end === start && !last ? true : this.events.requestBody(bytes, start, end, last);
    if (body.refused < 0) {
      this.#malform();
      return false;
    }
    if (done && !last && body.trailers !== undefined) this.events.requestTrailers(body.trailers);
    if (!goOn && !done) this.socket.pause();
    return done;
  }

  /** Reads on through a body that nobody wants, up to a limit. */
  #discard(input: Buffer): boolean {
    const body = this.incoming;
    this.input.taken(body.drop(input, this.input.at));
    if (body.discarding) return false;
    if (!body.done) {
      this.linger();
      return false;
    }
    this.await();
    return true;
  }

  #malform(): void {
    if (this.malformed) return;
    this.malformed = true;
    this.input.clear();
    this.refuseBody(this.incoming.refused);
  }
}
