/** One client's HTTP/1.1 connection: what is said to it, and its end. */
import type { HeadEdits } from "../http/edits.ts";
import type { Head } from "../http/head.ts";
import { HEAD_TIMEOUT, refusal } from "../http/refusal.ts";
import { CONNECT } from "../http/request-head.ts";
import type { ResponseHead } from "../http/response-head.ts";
import type { ConnectionEvents, Downstream, DownstreamEvents, Sent, Switched } from "../http/streams.ts";
import type { Socket } from "../net/socket.ts";
import { farewell } from "./farewell.ts";
import type { HeadWriter } from "./head-writer.ts";
import { BODY, CLOSED, HEAD, RequestConnection, type RequestOptions, WAITING } from "./request-connection.ts";
import { ResponseWriter } from "./response-writer.ts";

export interface ServerOptions extends RequestOptions {
  readonly writer: HeadWriter;
}

export class ServerConnection extends RequestConnection implements Downstream {
  readonly version = 1;
  /** Response heads say `Connection: close` from now on. */
  draining = false;
  readonly #connection: ConnectionEvents;
  readonly #response: ResponseWriter;
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
    super(socket, options, events);
    this.#connection = connection;
    this.#response = new ResponseWriter(socket, options.writer);
  }

  get peerAddress(): string {
    return this.socket.peerAddress;
  }

  get peerPort(): number {
    return this.socket.peerPort;
  }

  get headBytes(): number {
    return this.#response.headBytes;
  }

  /** Whether the connection ends after this response, as its head must then say. */
  get #closesAfter(): boolean {
    const { draining, head } = this;
    const uncertain = this.state === BODY && this.incoming.uncertain(head);
    // What a refused CONNECT was followed by may have been meant for the tunnel (RFC 9110 section 9.3.6): it is no request.
    return draining || head.close || this.malformed || uncertain || head.method === CONNECT;
  }

  // The response.

  informational(head: ResponseHead): void {
    if (head.status === 100) this.incoming.continued = true;
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
    const late = this.input.rest();
    this.#leave();
    this.socket.abandon();
    this.#connection.closed();
    return { end: this.socket, late };
  }

  finish(): void {
    if (this.state === CLOSED) return;
    // A pipelining client that does not read must not pile up responses here.
    if (this.socket.congested) {
      this.#finishing = true;
      return;
    }
    this.incoming.open = false;
    this.head.release();
    if (this.#closing || this.malformed || this.socket.ended) {
      this.linger();
      return;
    }
    this.incoming.release();
    // Answered before the body was in: read the rest of a small one, or end here.
    if (this.state === BODY && !this.incoming.done) this.skipBody();
    else this.await();
    this.socket.resume();
    this.process();
  }

  break(_code: number): void {
    if (this.state === CLOSED) return;
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
    farewell(this.socket, this.options.wheel, () => this.#connection.closed());
    this.socket.end();
  }

  /** Answers bytes that are no request, and closes. */
  protected refuse(code: number): void {
    this.#connection.refused(code);
    const { reason, status, message } = refusal(code);
    this.#reply(status, `${reason}: ${message}\n`, "", true);
    this.linger();
  }

  protected refuseBody(code: number): void {
    this.#connection.refused(code);
    this.events.aborted("malformed");
  }

  #reply(status: number, body: string, headers: string, close: boolean): void {
    this.#closing = close;
    this.#response.reply(status, body, headers, { close, noBody: this.head.method === "HEAD" });
  }

  protected linger(): void {
    if (this.state === CLOSED) return;
    this.#leave();
    farewell(this.socket, this.options.wheel, () => this.#connection.closed());
  }

  expire(): void {
    if (this.state === HEAD && this.input.bytes !== undefined) this.refuse(HEAD_TIMEOUT);
    else if (this.state === HEAD || this.incoming.discarding) this.linger();
  }

  writable(): void {
    if (this.#finishing) {
      this.#finishing = false;
      this.finish();
    } else this.events.clientWritable();
  }

  ended(): void {
    if (this.state === HEAD || this.incoming.discarding) {
      this.linger();
      return;
    }
    // As Envoy does: a client that stops sending has gone, and its request is given up.
    if (!this.#finishing) this.events.aborted("gone");
  }

  closed(): void {
    if (this.state === CLOSED) return;
    const serving = this.state === BODY || this.state === WAITING;
    this.#leave();
    if (serving && !this.incoming.discarding) this.events.aborted("gone");
    this.#connection.closed();
  }

  #leave(): void {
    this.state = CLOSED;
    this.input.clear();
    this.options.wheel.disarm(this);
  }
}
