/**
 * One request and its response on their way between a client and an endpoint: moves both, keeps what a retry needs,
 * and asks its owner wherever something is to be decided. One object serves a client's requests one after another.
 */
import type { Socket } from "../net/socket.ts";
import { TimerEntry, type TimerWheel } from "../net/timer-wheel.ts";
import type { ClientConnection, ClientEvents, ClientFailure } from "./client-connection.ts";
import type { HeadEdits, HeadWriter } from "./head-writer.ts";
import { refusal } from "./refusal.ts";
import type { RequestHead } from "./request-head.ts";
import type { ResponseHead } from "./response-head.ts";
import { ServerConnection, type ServerEvents, type ServerOptions } from "./server-connection.ts";

/** Decides what an exchange does; each `request` ends with one `ended`. */
export interface ExchangeOwner {
  request(head: RequestHead): void;
  /** The endpoint failed before its response began: send again, or reply. */
  failed(failure: ClientFailure): void;
  /** The final response is about to be written to the client; false: drop it, the owner sends again or replies. */
  responding(head: ResponseHead): boolean;
  /** The client went away or the time is up: stop what is under way on its behalf. */
  cancelled(): void;
  ended(): void;
  refused(code: number): void;
  closed(): void;
  /** Both sides speak another protocol from now on; `early` is what the endpoint said already, `late` what the client did. */
  tunnel(client: Socket, endpoint: Socket, early: Buffer | undefined, late: Buffer | undefined): void;
}

export interface ExchangeOptions extends ServerOptions {
  readonly writer: HeadWriter;
  readonly wheel: TimerWheel;
  /** Monotonic ms. */
  now(): number;
}

/** A body up to here can be sent again; beyond, the request is not retried. */
const REPLAY_BYTES = 64 * 1024;

export class Exchange extends TimerEntry implements ServerEvents, ClientEvents {
  readonly server: ServerConnection;
  /** 0 until there is one. */
  status = 0;
  /** Envoy's response flag, "-" for none. */
  flags = "-";
  /** Monotonic ms. */
  startedAt = 0;
  /** Monotonic ms of the response's head; 0 before. */
  answeredAt = 0;
  requestBytes = 0;
  responseBytes = 0;
  /** The response has begun: it can only be completed or broken off. */
  responding = false;
  grpc = false;
  responseEdits: HeadEdits | undefined;
  /** Header lines of every answer of our own to this request. */
  replyLines = "";
  readonly #options: ExchangeOptions;
  readonly #owner: ExchangeOwner;
  #client: ClientConnection | undefined;
  /** Body bytes sent so far, while they can be sent again. */
  #replay: Buffer[] | undefined;
  #replayBytes = 0;
  #chunking = false;
  #finishing = false;
  #close = false;
  #active = false;

  constructor(socket: Socket, options: ExchangeOptions, owner: ExchangeOwner) {
    super();
    this.#options = options;
    this.#owner = owner;
    this.server = new ServerConnection(socket, options, this);
  }

  /** A request is being served: false once its response is out or its client has gone. */
  get active(): boolean {
    return this.#active;
  }

  get head(): RequestHead {
    return this.server.head;
  }

  /** The request can be sent again as it was. */
  get replayable(): boolean {
    return this.#replay !== undefined || this.#replayBytes === 0;
  }

  request(head: RequestHead): void {
    this.status = 0;
    this.flags = "-";
    this.startedAt = this.#options.now();
    this.answeredAt = 0;
    this.requestBytes = head.end - head.start;
    this.responseBytes = 0;
    this.responding = false;
    this.grpc = false;
    this.responseEdits = undefined;
    this.replyLines = "";
    this.#replay = undefined;
    this.#replayBytes = 0;
    this.#chunking = false;
    this.#close = false;
    this.#active = true;
    this.#owner.request(head);
  }

  /** Gives the exchange so long, in ms, from now. */
  limit(timeoutMs: number): void {
    this.#options.wheel.arm(this, timeoutMs);
  }

  /** Sends the request to the endpoint; again, after a failure, when it is `replayable`. */
  send(client: ClientConnection, edits: HeadEdits | undefined, drop: number, additions: string): void {
    const { server } = this;
    const { writer } = this.#options;
    const { head } = server;
    if (!writer.request(head, edits, drop, additions)) {
      client.close();
      this.flags = "DPE";
      this.reply(431, "the head with the mesh's additions is larger than 96 KiB\n");
      return;
    }
    this.#client = client;
    this.status = 0;
    this.answeredAt = 0;
    client.begin(this, head.method === "HEAD", head.upgrade && head.webSocket);
    if (this.#replay === undefined && server.requestDone) {
      client.socket.write(writer.buffer, 0, writer.length, true);
      client.requestDone();
      return;
    }
    const room = this.#sendWithBody(client, writer);
    if (server.requestDone) client.requestDone();
    else server.openBody(room);
  }

  /** Head and as much of the body as is at hand, in one write where it fits; true when there is room for more. */
  #sendWithBody(client: ClientConnection, writer: HeadWriter): boolean {
    const { server } = this;
    const pieces = [...(this.#replay ?? [])];
    if (!server.requestDone && server.takeBody()) {
      const { taken, takenStart, takenEnd } = server;
      this.#keep(taken, takenStart, takenEnd);
      pieces.push(taken.subarray(takenStart, takenEnd));
    }
    let fitting = 0;
    for (const piece of pieces) {
      if (!writer.body(piece, 0, piece.length)) break;
      fitting++;
    }
    let room = client.socket.write(writer.buffer, 0, writer.length, true);
    for (const piece of pieces.slice(fitting)) room = client.socket.write(piece, 0, piece.length);
    return room;
  }

  #keep(bytes: Buffer, start: number, end: number): void {
    this.requestBytes += end - start;
    if (this.#replayBytes > REPLAY_BYTES) return;
    this.#replayBytes += end - start;
    if (this.#replayBytes > REPLAY_BYTES) {
      this.#replay = undefined;
      return;
    }
    this.#replay ??= [];
    this.#replay.push(bytes.subarray(start, end));
  }

  /** Gives up on the endpoint that the request was sent to; its response, if any, is dropped. */
  abandon(): void {
    this.#abandonClient();
  }

  /** Answers without an endpoint. The connection goes on, unless the request's body is too long to wait for. */
  reply(status: number, body: string, headers = ""): void {
    if (!this.#active) return;
    this.#abandonClient();
    this.status = status;
    this.answeredAt = this.#options.now();
    const { server } = this;
    const close = server.closesAfter;
    server.plain(status, body, close, headers + this.replyLines);
    this.responseBytes = body.length;
    this.#finish(close);
  }

  // What the client does.

  requestBody(bytes: Buffer, start: number, end: number, last: boolean): boolean {
    const client = this.#client;
    if (client === undefined) return true;
    this.#keep(bytes, start, end);
    const room = client.socket.write(bytes, start, end);
    if (last) client.requestDone();
    return room;
  }

  aborted(reason: "gone" | "malformed"): void {
    if (!this.#active) return;
    this.#abandonClient();
    this.#owner.cancelled();
    const { server } = this;
    this.flags = reason === "gone" ? "DC" : "DPE";
    if (reason === "malformed" && !this.responding) {
      this.status = 400;
      server.plain(400, "malformed request body\n", true);
      this.#finish(true);
      return;
    }
    this.#end();
    server.break();
  }

  refused(code: number): void {
    this.#owner.refused(code);
  }

  closed(): void {
    this.#options.wheel.disarm(this);
    this.#owner.closed();
  }

  expire(): void {
    if (!this.#active) return;
    this.#owner.cancelled();
    this.flags = "UT";
    if (this.responding) {
      this.breakOff();
      return;
    }
    this.reply(504, "upstream request timeout\n");
  }

  // What the endpoint does.

  informational(head: ResponseHead): void {
    if (head.status === 100) this.server.continued = true;
    const { writer } = this.#options;
    if (writer.response(head, undefined, "")) this.server.socket.write(writer.buffer, 0, writer.length, true);
  }

  response(head: ResponseHead, bytes: Buffer, start: number, end: number, last: boolean): boolean {
    const { server } = this;
    const { writer } = this.#options;
    this.status = head.status;
    this.answeredAt = this.#options.now();
    if (!this.#owner.responding(head)) return true;
    this.responding = true;
    this.#replay = undefined;
    this.#chunking = !last && !head.chunked && head.contentLength < 0;
    this.#close = server.closesAfter;
    let additions = this.#chunking ? "transfer-encoding: chunked\r\n" : "";
    if (this.#close) additions += "connection: close\r\n";
    if (!writer.response(head, this.responseEdits, additions)) {
      this.flags = "UPE";
      this.breakOff();
      return false;
    }
    this.responseBytes = writer.length + end - start;
    if (this.#chunking) {
      const room = server.socket.write(writer.buffer, 0, writer.length, true);
      return start === end ? room : this.#writeChunk(bytes, start, end);
    }
    const together = writer.body(bytes, start, end);
    const room = server.socket.write(writer.buffer, 0, writer.length, true);
    return together ? room : server.socket.write(bytes, start, end);
  }

  responseBody(bytes: Buffer, start: number, end: number, last: boolean): boolean {
    this.responseBytes += end - start;
    const { socket } = this.server;
    if (!this.#chunking) return socket.write(bytes, start, end);
    const room = start === end ? !socket.congested : this.#writeChunk(bytes, start, end);
    return last ? socket.write(LAST_CHUNK, 0, LAST_CHUNK.length) : room;
  }

  #writeChunk(bytes: Buffer, start: number, end: number): boolean {
    const { socket } = this.server;
    const size = Buffer.from(`${(end - start).toString(16)}\r\n`, "latin1");
    socket.write(size, 0, size.length);
    socket.write(bytes, start, end);
    return socket.write(CRLF, 0, CRLF.length);
  }

  complete(): void {
    this.#client = undefined;
    this.#finish(this.#close);
  }

  switched(endpoint: Socket, head: ResponseHead, early: Buffer | undefined): void {
    const { writer } = this.#options;
    this.#client = undefined;
    this.status = 101;
    this.responding = true;
    this.answeredAt = this.#options.now();
    this.#owner.responding(head);
    writer.response(head, this.responseEdits, "");
    const client = this.server.socket;
    client.write(writer.buffer, 0, writer.length, true);
    this.#options.wheel.disarm(this);
    const late = this.server.detach();
    this.#owner.tunnel(client, endpoint, early, late);
    this.#end();
  }

  failed(failure: ClientFailure): void {
    this.#client = undefined;
    if (failure.refused < 0) this.#owner.refused(failure.refused);
    if (!this.responding) {
      this.#owner.failed(failure);
      return;
    }
    this.flags = failure.kind === "malformed" ? "UPE" : "UC";
    this.breakOff();
  }

  clientWritable(): void {
    if (this.#finishing) {
      this.#finishing = false;
      this.server.finish(this.#close);
      return;
    }
    this.#client?.resume();
  }

  endpointWritable(): void {
    this.server.resume();
  }

  /** Ends the client's connection with a reset: nothing that it got may pass for a whole response. */
  breakOff(): void {
    this.#abandonClient();
    this.#end();
    this.server.break();
  }

  #abandonClient(): void {
    this.#client?.abort();
    this.#client = undefined;
  }

  #end(): void {
    if (!this.#active) return;
    this.#active = false;
    this.#replay = undefined;
    if (this.slot >= 0) this.#options.wheel.disarm(this);
    this.#owner.ended();
  }

  #finish(close: boolean): void {
    this.#end();
    this.#close = close;
    // A pipelining client that does not read must not pile up responses here.
    if (this.server.socket.congested) this.#finishing = true;
    else this.server.finish(close);
  }
}

const LAST_CHUNK = Buffer.from("0\r\n\r\n");
const CRLF = Buffer.from("\r\n");

/** What a malformed response is called in a reply. */
export function malformedText(code: number): string {
  return code < 0 ? refusal(code).message : "the response is not HTTP/1.1";
}
