/**
 * One HTTP/1.1 connection to an endpoint: sends a request at a time, reads its response, and says whether it may
 * serve another.
 */
import type { Socket, SocketEvents } from "../net/socket.ts";
import { BodyReader } from "./body.ts";
import { LF } from "./characters.ts";
import { MAX_HEAD_BYTES } from "./head.ts";
import { ResponseHead } from "./response-head.ts";

/** Why an exchange failed on the endpoint's side. */
export interface ClientFailure {
  /** `reset`: the connection went away; `malformed`: the response was refused. */
  readonly kind: "reset" | "malformed";
  /** Bytes of the response had come: the endpoint has taken the request. */
  readonly answered: boolean;
  /** The connection had served requests before: it may have been closed while idle. */
  readonly reused: boolean;
  /** Of a malformed response: the refusal's code. */
  readonly refused: number;
  readonly message: string;
}

/** Who waits for a response. Ends with exactly one of `complete`, `failed` and `switched`. */
export interface ClientEvents {
  /** A 1xx other than 101. */
  informational(head: ResponseHead): void;
  /** The final head, with the body's bytes that came along; false: pause the endpoint. */
  response(head: ResponseHead, bytes: Buffer, start: number, end: number, last: boolean): boolean;
  /** More of the body; false: pause the endpoint until `resume`. */
  responseBody(bytes: Buffer, start: number, end: number, last: boolean): boolean;
  /** The response is over, and the connection is free for others already. */
  complete(): void;
  /** The endpoint switched protocols: the socket, with what it said already, is the caller's now. */
  switched(socket: Socket, head: ResponseHead, early: Buffer | undefined): void;
  failed(failure: ClientFailure): void;
  /** The endpoint takes request bytes again. */
  endpointWritable(): void;
}

/** Where the connection goes when its exchange is over. */
export interface ClientOwner {
  /** May serve another request. */
  free(connection: ClientConnection): void;
  /** Gone, in whatever state it was. */
  gone(connection: ClientConnection): void;
}

export class ClientConnection implements SocketEvents {
  readonly socket: Socket;
  /** Requests begun. */
  requests = 0;
  /** For the pool: monotonic ms since when it is idle. */
  idleSince = 0;
  readonly #owner: ClientOwner;
  readonly #head = new ResponseHead();
  readonly #body = new BodyReader();
  #events: ClientEvents | undefined;
  #input: Buffer | undefined;
  #answered = false;
  #headDone = false;
  #requestDone = false;
  #noBody = false;
  #upgrade = false;
  #gone = false;

  constructor(socket: Socket, owner: ClientOwner) {
    this.socket = socket;
    this.#owner = owner;
    socket.events = this;
  }

  /** Can take a request now. */
  get usable(): boolean {
    return !this.#gone && !this.socket.ended && this.#events === undefined;
  }

  /** Starts an exchange. `noBody`: the response to HEAD has none; `upgrade`: a 101 is expected to be possible. */
  begin(events: ClientEvents, noBody: boolean, upgrade: boolean): void {
    this.#events = events;
    this.#answered = false;
    this.#headDone = false;
    this.#requestDone = false;
    this.#noBody = noBody;
    this.#upgrade = upgrade;
    this.requests++;
  }

  /** The request has been written whole: the connection may be reused once the response is over. */
  requestDone(): void {
    this.#requestDone = true;
  }

  /** Gives the exchange up: the connection cannot serve another, and nobody is told. */
  abort(): void {
    this.#events = undefined;
    this.#drop();
  }

  pause(): void {
    this.socket.pause();
  }

  resume(): void {
    this.socket.resume();
  }

  /** Closes an idle connection in order. */
  close(): void {
    if (this.#gone) return;
    this.#gone = true;
    this.socket.abandon();
    this.socket.end();
  }

  data(chunk: Buffer): void {
    // Nobody asked: bytes on an idle connection would be taken for the next request's response.
    if (this.#events === undefined) {
      this.#drop();
      return;
    }
    this.#answered = true;
    if (!this.#headDone) {
      this.#readHead(chunk);
      return;
    }
    this.#readBody(this.#events, chunk, 0);
  }

  #readHead(chunk: Buffer): void {
    const fresh = this.#input === undefined;
    const input = this.#input === undefined ? chunk : Buffer.concat([this.#input, chunk]);
    this.#input = input;
    // A head ends in a line feed: without one there is nothing new to see, unless the limit is passed.
    if (!fresh && input.length < MAX_HEAD_BYTES && !chunk.includes(LF)) return;
    let at = 0;
    for (;;) {
      const head = this.#head;
      const after = head.read(input, at, input.length);
      if (after < 0) {
        this.#fail("malformed", after, "the response is not HTTP/1.x");
        return;
      }
      if (after === 0) {
        this.#input = at === 0 ? input : input.subarray(at);
        return;
      }
      const events = this.#events;
      if (events === undefined) return;
      if (head.status === 101) {
        this.#switch(events, input, after);
        return;
      }
      if (head.status >= 200) {
        this.#input = undefined;
        this.#headDone = true;
        this.#final(events, input, after);
        return;
      }
      events.informational(head);
      at = after;
      if (at === input.length) {
        this.#input = undefined;
        return;
      }
    }
  }

  #final(events: ClientEvents, input: Buffer, after: number): void {
    const head = this.#head;
    const body = this.#body;
    if (this.#noBody || head.status === 204 || head.status === 304) body.none();
    else if (head.chunked) body.chunked();
    else if (head.contentLength >= 0) body.length(head.contentLength);
    else body.untilClose();
    const end = body.read(input, after, input.length);
    if (body.refused < 0) {
      this.#fail("malformed", body.refused, "the response's body is malformed");
      return;
    }
    const goOn = events.response(head, input, after, end, body.done);
    if (!body.done) {
      if (!goOn && this.#events === events) this.socket.pause();
      return;
    }
    this.#complete(events, head.persistent && end === input.length);
  }

  #readBody(events: ClientEvents, chunk: Buffer, start: number): void {
    const body = this.#body;
    const end = body.read(chunk, start, chunk.length);
    if (body.refused < 0) {
      this.#fail("malformed", body.refused, "the response's body is malformed");
      return;
    }
    const goOn = events.responseBody(chunk, start, end, body.done);
    if (!body.done) {
      if (!goOn && this.#events === events) this.socket.pause();
      return;
    }
    this.#complete(events, this.#head.persistent && end === chunk.length);
  }

  #complete(events: ClientEvents, reusable: boolean): void {
    if (this.#events !== events) return;
    this.#events = undefined;
    this.#head.release();
    if (reusable && this.#requestDone && !this.socket.ended) {
      this.socket.resume();
      this.#owner.free(this);
    } else this.#drop();
    events.complete();
  }

  #switch(events: ClientEvents, input: Buffer, after: number): void {
    if (!this.#upgrade) {
      this.#fail("malformed", 0, "101 without an upgrade that was asked for");
      return;
    }
    this.#events = undefined;
    this.#gone = true;
    this.socket.abandon();
    this.#owner.gone(this);
    this.#input = undefined;
    events.switched(this.socket, this.#head, after < input.length ? input.subarray(after) : undefined);
  }

  writable(): void {
    this.#events?.endpointWritable();
  }

  ended(): void {
    const events = this.#events;
    if (events !== undefined && this.#headDone && this.#body.endsWithConnection) {
      events.responseBody(EMPTY, 0, 0, true);
      this.#complete(events, false);
      return;
    }
    if (events === undefined) {
      this.#drop();
      return;
    }
    this.#fail(
      "reset",
      0,
      this.#answered ? "closed in the middle of its response" : "closed before its response",
    );
  }

  closed(error: Error | undefined): void {
    this.#fail("reset", 0, error?.message ?? "closed");
  }

  #fail(kind: ClientFailure["kind"], refused: number, message: string): void {
    const events = this.#events;
    const failure = { kind, answered: this.#answered, reused: this.requests > 1, refused, message };
    this.#events = undefined;
    this.#drop();
    events?.failed(failure);
  }

  #drop(): void {
    this.#input = undefined;
    if (this.#gone) return;
    this.#gone = true;
    this.socket.abandon();
    this.socket.destroy();
    this.#owner.gone(this);
  }
}

const EMPTY = Buffer.alloc(0);
