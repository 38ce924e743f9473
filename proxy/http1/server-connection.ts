/**
 * One client's HTTP/1.1 connection: reads requests one after another, in order, and writes their responses.
 *
 * One request is served at a time; a pipelined one waits unread in the socket. The body is handed on only while
 * its taker has room, so a slow endpoint slows its client down instead of filling memory.
 */
import { LINGER_MS, type Socket, type SocketEvents } from "../net/socket.ts";
import { TimerEntry, type TimerWheel } from "../net/timer-wheel.ts";
import { BodyReader } from "./body.ts";
import { LF } from "./characters.ts";
import { MAX_HEAD_BYTES } from "./head.ts";
import { HEAD_TIMEOUT, refusal } from "./refusal.ts";
import { RequestHead } from "./request-head.ts";

/** Who answers the requests of a connection. Each `request` ends with one `finish` by its server, or one `aborted`. */
export interface ServerEvents {
  /** A head is in; the body waits until `openBody`. */
  request(head: RequestHead): void;
  /** Body bytes, with their framing; false: pause the client until `resume`. */
  requestBody(bytes: Buffer, start: number, end: number, last: boolean): boolean;
  /** The client takes response bytes again. */
  clientWritable(): void;
  /** The client went away, or sent a body that no message may have, before its response was over. */
  aborted(reason: "gone" | "malformed"): void;
  /** Bytes that are no request were refused. */
  refused(code: number): void;
  /** The connection is over. */
  closed(): void;
}

export interface ServerOptions {
  readonly wheel: TimerWheel;
  /** Closes a connection without a request for so long. */
  readonly idleMs: number;
  /** A head must be in this long after its first byte. */
  readonly headMs: number;
}

const HEAD = 0;
const BODY = 1;
const WAITING = 2;
const CLOSING = 3;
const CLOSED = 4;

/**
 * What is read of a client that cannot be served yet. Not nothing: a socket that is not read does not tell that its client has
 * left, and an application would work for nobody.
 */
const MAX_AHEAD = 64 * 1024;

/** A refused request's unread body is read and dropped up to here, to keep the connection. */
const MAX_DISCARD = 64 * 1024;

export class ServerConnection extends TimerEntry implements SocketEvents {
  readonly socket: Socket;
  readonly head = new RequestHead();
  /** Response heads say `Connection: close` from now on. */
  draining = false;
  /** The client was told to send its body. */
  continued = false;
  #bodyBegun = false;
  readonly #options: ServerOptions;
  readonly #events: ServerEvents;
  readonly #body = new BodyReader();
  #state = HEAD;
  #input: Buffer | undefined;
  #at = 0;
  #bodyOpen = false;
  #discard = 0;
  #processing = false;
  /** A part of a head is in, and its time is running. */
  #headBegun = false;
  /** The body was refused: where the next request begins cannot be known. */
  #malformedBody = false;

  constructor(socket: Socket, options: ServerOptions, events: ServerEvents) {
    super();
    this.socket = socket;
    this.#options = options;
    this.#events = events;
    socket.events = this;
    options.wheel.arm(this, options.idleMs);
  }

  /** Between requests, with nothing read of the next. */
  get idle(): boolean {
    return this.#state === HEAD && this.#input === undefined;
  }

  /** The whole request has been read. */
  get requestDone(): boolean {
    return this.#body.done;
  }

  /** Whether the connection ends after this response, as its head must then say. */
  get closesAfter(): boolean {
    return this.draining || this.head.close || this.#bodyUncertain;
  }

  /**
   * The client asked whether to send its body and was not told to: it may send it all the same or leave it out, so where its
   * next request begins cannot be known (RFC 9110 section 10.1.1).
   */
  get #bodyUncertain(): boolean {
    return this.#state === BODY && !this.continued && !this.#bodyBegun && this.head.expectsContinue;
  }

  /**
   * Takes the body bytes that are at hand, so that a small request is one write: `taken[start, end)` then, false
   * when there are none.
   */
  takeBody(): boolean {
    const input = this.#input;
    if (this.#state !== BODY || input === undefined) return false;
    this.taken = input;
    this.takenStart = this.#at;
    this.takenEnd = this.#body.read(input, this.#at, input.length);
    this.#bodyBegun = true;
    this.#consumed(this.takenEnd);
    if (this.#body.done) {
      this.#state = WAITING;
      this.socket.resume();
    }
    return this.takenEnd > this.takenStart;
  }

  taken: Buffer = NOTHING;
  takenStart = 0;
  takenEnd = 0;

  /** From now on body bytes go to `requestBody`; with `false` once the taker has room, by `resume`. */
  openBody(room: boolean): void {
    this.#bodyOpen = true;
    if (this.#body.refused < 0) {
      this.#malformed();
      return;
    }
    if (!room) {
      this.socket.pause();
      return;
    }
    this.resume();
  }

  /** The taker of the body has room again. */
  resume(): void {
    this.socket.resume();
    this.#process();
  }

  /** The response is written whole; with `close` the connection ends after it. */
  finish(close: boolean): void {
    if (this.#state >= CLOSING) return;
    this.#bodyOpen = false;
    this.head.release();
    if (close || this.#malformedBody || this.socket.ended) {
      this.#linger();
      return;
    }
    if (this.#state === BODY) {
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

  /** Breaks the connection off: a response that cannot be completed must not look complete. */
  break(): void {
    this.#state = CLOSED;
    this.#release();
    this.socket.abandon();
    this.socket.destroy();
    this.#events.closed();
  }

  /** Hands the socket over, with what was read of it already. */
  detach(): Buffer | undefined {
    const rest = this.#input?.subarray(this.#at);
    this.#state = CLOSED;
    this.#release();
    this.socket.abandon();
    this.#events.closed();
    return rest !== undefined && rest.length > 0 ? rest : undefined;
  }

  /** Ends the connection after the response that it is in or waits for; `now`: at once when it is idle. */
  drain(now: boolean): void {
    this.draining = true;
    if (!now || !this.idle) return;
    this.#state = CLOSING;
    this.socket.end();
  }

  data(chunk: Buffer): void {
    if (this.#state >= CLOSING || this.#malformedBody) return;
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
    const after = head.read(input, this.#at, input.length);
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
    this.continued = false;
    this.#bodyBegun = false;
    this.#consumed(after);
    this.#events.request(head);
    return true;
  }

  #readBody(): boolean {
    const input = this.#input as Buffer;
    const start = this.#at;
    const end = this.#body.read(input, start, input.length);
    const discarding = this.#discard > 0;
    this.#bodyBegun = true;
    const { done } = this.#body;
    if (done) this.#state = discarding ? HEAD : WAITING;
    this.#consumed(end);
    if (discarding) {
      this.#discard -= end - start;
      if (this.#body.refused < 0 || this.#discard <= 0) this.#linger();
      else if (done) this.#discard = 0;
      return done;
    }
    const goOn = end === start && !done ? true : this.#events.requestBody(input, start, end, done);
    if (this.#body.refused < 0) {
      this.#malformed();
      return false;
    }
    if (!goOn && !done) this.socket.pause();
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
    this.#events.refused(this.#body.refused);
    this.#events.aborted("malformed");
  }

  /** Answers bytes that are no request, and closes. */
  #refuse(code: number): void {
    this.#events.refused(code);
    const { reason, status, message } = refusal(code);
    this.plain(status, `${reason}: ${message}\n`, true);
    this.#linger();
  }

  /** Writes a whole small response of our own; `body` is latin1, a character a byte. */
  plain(status: number, body: string, close: boolean, headers = ""): void {
    const typed = body === "" || /^content-type:/im.test(headers);
    const bytes = Buffer.from(
      `HTTP/1.1 ${status} ${REASONS[status] ?? "Status"}\r\ncontent-length: ${body.length}\r\n` +
        `${typed ? "" : "content-type: text/plain\r\n"}${headers}${close ? "connection: close\r\n" : ""}\r\n` +
        `${this.head.method === "HEAD" ? "" : body}`,
      "latin1",
    );
    this.socket.write(bytes, 0, bytes.length);
  }

  /** Says no more, and reads on for a moment: closing on unread bytes would reset away what we just said. */
  #linger(): void {
    if (this.#state >= CLOSING) return;
    this.#state = CLOSING;
    this.#input = undefined;
    this.#options.wheel.disarm(this);
    if (this.socket.ended) {
      this.socket.end();
      return;
    }
    this.socket.shutdown();
    this.socket.resume();
    this.#options.wheel.arm(this, LINGER_MS);
  }

  expire(): void {
    if (this.#state === CLOSING) {
      this.socket.end();
      return;
    }
    if (this.#discard > 0) {
      this.#linger();
      return;
    }
    if (this.#state !== HEAD) return;
    if (this.#input !== undefined) this.#refuse(HEAD_TIMEOUT);
    else this.#linger();
  }

  writable(): void {
    if (this.#state < CLOSING) this.#events.clientWritable();
  }

  ended(): void {
    if (this.#state === HEAD || this.#state === CLOSING || this.#discard > 0) {
      this.#state = CLOSING;
      this.socket.end();
      return;
    }
    // As Envoy does: a client that stops sending has gone, and its request is given up.
    this.#events.aborted("gone");
  }

  closed(): void {
    if (this.#state === CLOSED) return;
    const serving = this.#state === BODY || this.#state === WAITING;
    this.#state = CLOSED;
    this.#release();
    if (serving && this.#discard === 0) this.#events.aborted("gone");
    this.#events.closed();
  }

  #release(): void {
    this.#input = undefined;
    this.#options.wheel.disarm(this);
  }
}

const NOTHING = Buffer.alloc(0);

/** Reason phrases of the statuses that we answer ourselves. */
const REASONS: Readonly<Record<number, string>> = {
  200: "OK",
  202: "Accepted",
  301: "Moved Permanently",
  302: "Found",
  303: "See Other",
  307: "Temporary Redirect",
  308: "Permanent Redirect",
  400: "Bad Request",
  403: "Forbidden",
  404: "Not Found",
  405: "Method Not Allowed",
  408: "Request Timeout",
  426: "Upgrade Required",
  431: "Request Header Fields Too Large",
  500: "Internal Server Error",
  501: "Not Implemented",
  502: "Bad Gateway",
  503: "Service Unavailable",
  504: "Gateway Timeout",
};
