/** A client's connection of HTTP/2: every stream that it opens is a request. */
import type { HeadEdits } from "../http/edits.ts";
import { Head } from "../http/head.ts";
import * as refuse from "../http/refusal.ts";
import { refusal } from "../http/refusal.ts";
import { RequestHead } from "../http/request-head.ts";
import type { ResponseHead } from "../http/response-head.ts";
import type { ConnectionEvents, Downstream, DownstreamEvents } from "../http/streams.ts";
import type { Socket } from "../net/socket.ts";
import type { ByteBuffer } from "./byte-buffer.ts";
import type { ConnectionOptions } from "./connection.ts";
import * as frames from "./frames.ts";
import { HeadCache } from "./head-cache.ts";
import { DECODED, UNDECODABLE } from "./head-decoder.ts";
import { listBytes } from "./head-encoder.ts";
import { Incoming } from "./incoming.ts";
import { ServerStream, type ServerStreamOwner } from "./server-stream.ts";
import { MAX_STREAMS, SERVER_SETTINGS } from "./settings.ts";
import type { Stream } from "./stream.ts";

/** Who answers the requests of a connection. */
export interface ServerEvents extends ConnectionEvents {
  /** A stream's head is in: who serves it; `request` is then called on that. */
  stream(stream: Downstream): DownstreamEvents;
}

export interface ServerOptions extends ConnectionOptions {
  /** Closes a connection that has had no stream for so long. */
  readonly idleMs: number;
}

/**
 * Heads of requests under way, together: a client that opens every stream that it may with the largest head is told to
 * wait rather than kept in 60 MB.
 */
const MAX_HEADS_BYTES = 2 * 1024 * 1024;
/** The second GOAWAY of a drain, when the client does not answer the PING between (RFC 9113 section 6.8). */
const DRAIN_ANSWER_MS = 1_000;
const ANSWERED: ReadonlySet<number> = new Set([
  refuse.HEAD_TOO_LARGE,
  refuse.TOO_MANY_HEADERS,
  refuse.UNKNOWN_PROTOCOL,
]);
const DRAIN_PING = Buffer.from("weftlast", "latin1");

export class ServerConnection extends Incoming<ServerStream> implements ServerStreamOwner {
  readonly #server: ServerOptions;
  readonly #events: ServerEvents;
  readonly #cache = new HeadCache<RequestHead>();
  #headsBytes = 0;
  /** Monotonic ms since when no stream has been under way, if none is; NaN before the client's SETTINGS. */
  #idleSince = Number.NaN;
  #drain: "no" | "announced" | "final" = "no";
  /** Of a final GOAWAY: later streams are not looked at. */
  #lastServed = frames.MAX_STREAM_ID;
  readonly #accept = (stream: ServerStream): DownstreamEvents => this.#events.stream(stream);

  constructor(socket: Socket, options: ServerOptions, events: ServerEvents) {
    super(socket, options, true);
    this.#server = options;
    this.#events = events;
    // The preface is a head like any other: it must come in time.
    options.wheel.arm(this, options.headMs);
    this.greet(SERVER_SETTINGS);
  }

  get peerAddress(): string {
    return this.socket.peerAddress;
  }

  get peerPort(): number {
    return this.socket.peerPort;
  }

  /** Streams under way. */
  get streams(): number {
    return this.live.size;
  }

  /** No stream is under way, and the client has not been told to open no more. */
  get idle(): boolean {
    return this.live.size === 0 && this.#drain === "no" && !this.over;
  }

  /** Ends the connection when its streams have; `now`: at once when it has none. */
  drain(now: boolean): void {
    if (this.over || this.#drain === "final") return;
    if (now && this.live.size === 0) {
      this.finish();
      return;
    }
    if (this.#drain === "announced") return;
    // Twice: requests that are on their way while the client does not know yet are still served.
    this.#drain = "announced";
    const out = this.output.buffer;
    frames.writeGoaway(out, frames.MAX_STREAM_ID, frames.NO_ERROR);
    frames.writePing(out, 0, DRAIN_PING, 0);
    this.options.wheel.disarm(this);
    this.options.wheel.arm(this, DRAIN_ANSWER_MS);
  }

  #drainFinally(): void {
    if (this.#drain !== "announced") return;
    this.#drain = "final";
    this.#lastServed = this.lastPeerId;
    if (this.live.size === 0) this.finish();
    else frames.writeGoaway(this.output.buffer, this.lastPeerId, frames.NO_ERROR);
  }

  protected override get lastId(): number {
    return Math.min(this.lastPeerId, this.#lastServed);
  }

  protected get peerIsServer(): boolean {
    return false;
  }

  protected isIdle(id: number): boolean {
    return (id & 1) === 0 || id > this.lastPeerId;
  }

  /** Streams behind a final GOAWAY are ignored to their end (RFC 9113 section 6.8). */
  protected override mayLinger(id: number): boolean {
    return id > this.#lastServed || super.mayLinger(id);
  }

  protected headers(id: number, ends: boolean, block: Buffer, start: number, end: number): void {
    const stream = this.live.get(id);
    if (stream !== undefined) this.trailers(stream, ends, block, start, end);
    else if ((id & 1) === 0) this.fail(frames.PROTOCOL_ERROR, refuse.H2_FRAME);
    else if (id <= this.lastPeerId) this.#late(id, block, start, end);
    else this.#open(id, ends, block, start, end);
  }

  #open(id: number, ends: boolean, block: Buffer, start: number, end: number): void {
    this.lastPeerId = id;
    this.flood.stream();
    const { hpack } = this;
    const { epoch } = hpack;
    let head = this.#cache.find(block, start, end, epoch);
    let result = DECODED;
    if (head === undefined) {
      head = new RequestHead();
      result = this.options.shared.heads.request(hpack, block, start, end, head);
      if (result === DECODED && hpack.epoch === epoch) this.#cache.keep(block, start, end, epoch, head);
    }
    if (result === UNDECODABLE) {
      this.fail(frames.COMPRESSION_ERROR, refuse.H2_COMPRESSION);
      return;
    }
    if (id > this.#lastServed) return;
    if (result !== DECODED) {
      this.#refuse(id, ends, result);
      return;
    }
    const size = head.end - head.start;
    if (this.live.size >= MAX_STREAMS || this.#headsBytes + size > MAX_HEADS_BYTES) {
      this.streamError(id, frames.REFUSED_STREAM, 0);
      return;
    }
    const stream = new ServerStream(id, this, this.peer.window, head, this.#accept);
    stream.openedAt = this.options.now();
    if (ends && stream.mismatches(true)) {
      this.streamError(id, frames.PROTOCOL_ERROR, refuse.LENGTH_MISMATCH);
      return;
    }
    this.#headsBytes += size;
    this.live.set(id, stream);
    stream.remoteEnded = ends;
    this.announceSoon(stream);
  }

  /** A head that is too large, or asks for what is not served, is answered; one that no message may have resets its stream (RFC 9113 section 8.1.1). */
  #refuse(id: number, ends: boolean, code: number): void {
    if (!ANSWERED.has(code)) {
      this.streamError(id, frames.PROTOCOL_ERROR, code);
      return;
    }
    this.refused(code);
    const out = this.output.buffer;
    const start = frames.beginHeaders(out);
    this.encoder.reply(out, refusal(code).status, "content-length: 0\r\n");
    frames.finishHeaders(out, start, id, true, frames.MIN_MAX_FRAME);
    if (!ends) this.streamError(id, frames.NO_ERROR, 0);
  }

  /** A head on a stream that is over: one that we reset may not have known; otherwise the client is confused. */
  #late(id: number, block: Buffer, start: number, end: number): void {
    const result = this.options.shared.heads.trailers(this.hpack, block, start, end, new Head());
    if (result === UNDECODABLE) this.fail(frames.COMPRESSION_ERROR, refuse.H2_COMPRESSION);
    else if (this.mayLinger(id)) this.noise();
    else this.fail(frames.STREAM_CLOSED, refuse.H2_FRAME);
  }

  writeResponse(stream: Stream, head: ResponseHead, edits: HeadEdits | undefined, last: boolean): number {
    if (listBytes(head) + (edits?.add?.length ?? 0) > this.peer.maxListBytes) return -1;
    const out = this.output.buffer;
    const start = frames.beginHeaders(out);
    this.encoder.response(out, head, edits);
    return this.#headWritten(out, start, stream, last);
  }

  writeReply(stream: Stream, status: number, headers: string, last: boolean): number {
    const out = this.output.buffer;
    const start = frames.beginHeaders(out);
    this.encoder.reply(out, status, headers);
    return this.#headWritten(out, start, stream, last);
  }

  #headWritten(out: ByteBuffer, start: number, stream: Stream, last: boolean): number {
    const size = out.length - start;
    frames.finishHeaders(out, start, stream.id, last, frames.MIN_MAX_FRAME);
    if (last) stream.localEnded = true;
    return size;
  }

  protected settled(): void {
    if (!Number.isNaN(this.#idleSince)) return;
    this.#idleSince = this.options.now();
    this.options.wheel.arm(this, this.#server.idleMs);
  }

  protected goaway(): void {
    // The client opens no more streams; it closes when those it has are done.
  }

  protected pong(bytes: Buffer, start: number): void {
    if (DRAIN_PING.compare(bytes, start, start + 8) === 0) this.#drainFinally();
    else this.noise();
  }

  protected released(stream: ServerStream): void {
    this.#headsBytes -= stream.head.end - stream.head.start;
    if (this.live.size > 0) return;
    this.#idleSince = this.options.now();
    if (this.#drain === "final") this.finish();
  }

  /** Also called when the time of a head is over, as there is one timer. */
  protected tick(now: number): void {
    if (this.#drain === "announced") {
      this.#drainFinally();
      return;
    }
    if (Number.isNaN(this.#idleSince)) {
      this.fail(frames.SETTINGS_TIMEOUT, refuse.HEAD_TIMEOUT);
      return;
    }
    const { idleMs } = this.#server;
    const idle = this.live.size > 0 ? 0 : now - this.#idleSince;
    if (idle >= idleMs) this.finish();
    else this.options.wheel.arm(this, idleMs - idle);
  }

  protected refused(code: number): void {
    this.#events.refused(code);
  }

  protected gone(): void {
    this.#events.closed();
  }
}
