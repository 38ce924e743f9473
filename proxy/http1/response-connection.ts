/**
 * What one HTTP/1.1 connection to an endpoint says: reads the response to a request at a time, and knows whether the
 * connection may serve another.
 */
import { LF } from "../http/characters.ts";
import { MAX_HEAD_BYTES } from "../http/head.ts";
import { refusal } from "../http/refusal.ts";
import { ResponseHead } from "../http/response-head.ts";
import { CANCEL, type UpstreamEvents, type UpstreamFailure } from "../http/streams.ts";
import type { Socket, SocketEvents } from "../net/socket.ts";
import { MessageBody } from "./message-body.ts";
import { readResponse } from "./read-response.ts";
import { NEVER, ON_SUCCESS, type Switches, switched } from "./switches.ts";

/** Where the connection goes when its exchange is over. */
export interface ClientOwner {
  /** May serve another request. */
  free(connection: ResponseConnection): void;
  /** Gone, in whatever state it was. */
  gone(connection: ResponseConnection): void;
  /** It speaks another protocol now, and its socket is somebody else's. */
  switched(connection: ResponseConnection): void;
}

export class ResponseConnection implements SocketEvents {
  readonly socket: Socket;
  /** Requests begun. */
  requests = 0;
  /** For the pool: monotonic ms since when it is open, and since when it is idle. */
  openedAt = 0;
  idleSince = 0;
  readonly #owner: ClientOwner;
  readonly #head = new ResponseHead();
  readonly #body = new MessageBody();
  #events: UpstreamEvents | undefined;
  #input: Buffer | undefined;
  #answered = false;
  #headDone = false;
  #requestDone = false;
  #noBody = false;
  #framed = false;
  #switches: Switches = NEVER;
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

  /** Starts an exchange. `noBody`: the response to HEAD has none; `framed`: a chunked body is handed on as it comes. */
  begin(events: UpstreamEvents, noBody: boolean, switches: Switches = NEVER, framed = false): void {
    this.#events = events;
    this.#framed = framed;
    this.#switches = switches;
    this.#answered = false;
    this.#headDone = false;
    this.#requestDone = false;
    this.#noBody = noBody;
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

  resume(): void {
    this.socket.resume();
  }

  /** Nothing was sent on it: it is free for another. */
  giveBack(): void {
    if (this.usable) this.#owner.free(this);
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
    this.#readBody(this.#events, chunk);
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
      const after = readResponse(head, input, at, input.length);
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
      const answer = switched(this.#switches, head);
      if (answer < 0) {
        this.#fail("malformed", answer, refusal(answer).message);
        return;
      }
      if (answer > 0) {
        this.#giveAway(events, input, after);
        return;
      }
      if (head.status === 101) {
        this.#fail("malformed", 0, "101 without an upgrade that was asked for");
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

  #final(events: UpstreamEvents, input: Buffer, after: number): void {
    const head = this.#head;
    const body = this.#body;
    body.begin(head, this.#noBody);
    body.keepFraming(this.#framed || !head.chunked);
    const end = body.take(input, after, input.length);
    if (body.refused < 0) {
      this.#fail("malformed", body.refused, "the response's body is malformed");
      return;
    }
    const goOn = events.response(head, body.bytes, body.start, body.end, body.last);
    if (!body.done) head.letGoOfRest();
    this.#goOn(events, goOn, end === input.length);
  }

  #readBody(events: UpstreamEvents, chunk: Buffer): void {
    const body = this.#body;
    const end = body.take(chunk, 0, chunk.length);
    if (body.refused < 0) {
      this.#fail("malformed", body.refused, "the response's body is malformed");
      return;
    }
    const nothing = body.start === body.end && !body.last;
    // Whoever takes the bytes may free them.
    const exact = end === chunk.length;
    const goOn = nothing || events.responseBody(body.bytes, body.start, body.end, body.last);
    this.#goOn(events, goOn, exact);
  }

  /** After a part of the body: `exact` when nothing came behind it. */
  #goOn(events: UpstreamEvents, room: boolean, exact: boolean): void {
    if (this.#events !== events) return;
    const body = this.#body;
    if (!body.done) {
      body.handedOn();
      if (!room) this.socket.pause();
      return;
    }
    if (body.trailers !== undefined) events.responseTrailers(body.trailers);
    // What a tunnel was asked of serves nobody else: whoever does not know CONNECT may be out of step.
    this.#complete(events, this.#head.persistent && exact && this.#switches !== ON_SUCCESS);
  }

  #complete(events: UpstreamEvents, reusable: boolean): void {
    if (this.#events !== events) return;
    this.#events = undefined;
    this.#head.release();
    this.#body.release();
    if (reusable && this.#requestDone && !this.socket.ended) {
      this.socket.resume();
      this.#owner.free(this);
    } else this.#drop();
    events.complete();
  }

  #giveAway(events: UpstreamEvents, input: Buffer, after: number): void {
    this.#events = undefined;
    this.#gone = true;
    this.socket.abandon();
    this.#owner.switched(this);
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

  #fail(kind: UpstreamFailure["kind"], refused: number, message: string): void {
    const events = this.#events;
    const failure: UpstreamFailure = {
      kind,
      answered: this.#answered,
      reused: this.requests > 1,
      refused,
      code: CANCEL,
      message,
    };
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
