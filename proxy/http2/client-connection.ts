/** A connection of HTTP/2 to an endpoint: as many requests at once as both sides allow. */
import { Head } from "../http/head.ts";
import * as refuse from "../http/refusal.ts";
import { ResponseHead } from "../http/response-head.ts";
import type { OutgoingRequest, Upstream } from "../http/streams.ts";
import type { Socket } from "../net/socket.ts";
import { ClientStream, type ClientStreamOwner } from "./client-stream.ts";
import type { ConnectionOptions } from "./connection.ts";
import * as frames from "./frames.ts";
import { HeadCache } from "./head-cache.ts";
import { DECODED, UNDECODABLE } from "./head-decoder.ts";
import { listBytes } from "./head-encoder.ts";
import { Incoming } from "./incoming.ts";
import { CLIENT_SETTINGS } from "./settings.ts";

/** Where the connection goes when something of it changes. */
export interface ClientOwner {
  /** A stream ended, or the endpoint has said how many it allows: `available` may have changed. */
  available(connection: ClientConnection): void;
  /** No new streams: the endpoint is going away, or the numbers are used up. What runs goes on. */
  draining(connection: ClientConnection): void;
  /** Gone, in whatever state it was. */
  gone(connection: ClientConnection): void;
}

/** When an endpoint that says nothing is asked by a PING whether it is there, and for how long (Istio's `http2KeepAlive`). */
export interface Http2KeepAlive {
  readonly intervalMs: number;
  readonly timeoutMs: number;
}

export interface ClientOptions extends ConnectionOptions {
  /** Streams at once, whatever the endpoint allows. */
  readonly maxStreams: number;
  /** Undefined: nobody asks whether the endpoint is still there. */
  readonly keepAlive?: Http2KeepAlive | undefined;
  /** Of the endpoint's bytes, what was refused. */
  refused?(code: number): void;
}

const ALIVE_PING = Buffer.from("weftping", "latin1");

export class ClientConnection extends Incoming<ClientStream> implements ClientStreamOwner {
  /** Requests begun. */
  requests = 0;
  /** For the pool: monotonic ms since when it is idle. */
  idleSince = 0;
  /** For the pool: monotonic ms since when it is open. */
  openedAt = 0;
  readonly #client: ClientOptions;
  readonly #cache = new HeadCache<ResponseHead>();
  readonly #owner: ClientOwner;
  #nextId = 1;
  /** Opened by the pool and not sent yet. */
  readonly #reserved = new Set<ClientStream>();
  #draining = false;
  #closing = false;
  #bytesSeen = 0;
  #pinged = false;

  constructor(socket: Socket, options: ClientOptions, owner: ClientOwner) {
    super(socket, options, false);
    this.#client = options;
    this.#owner = owner;
    this.output.buffer.append(frames.PREFACE, 0, frames.PREFACE.length);
    this.greet(CLIENT_SETTINGS);
    if (options.keepAlive !== undefined) options.wheel.arm(this, options.keepAlive.intervalMs);
  }

  get fresh(): boolean {
    return this.#nextId === 1;
  }

  /** Streams under way. */
  get streams(): number {
    return this.live.size + this.#reserved.size;
  }

  /** Streams that may be opened now. */
  get available(): number {
    if (this.over || this.#draining || this.#closing || this.socket.ended) return 0;
    return Math.max(0, Math.min(this.peer.maxStreams, this.#client.maxStreams) - this.streams);
  }

  /** Streams at once that the endpoint allows; undefined before it has said so. */
  get allowed(): number | undefined {
    return this.peer.received ? this.peer.maxStreams : undefined;
  }

  /** Starts a request; only while there are streams `available`. */
  open(): Upstream {
    this.requests++;
    const stream = new ClientStream(this);
    this.#reserved.add(stream);
    return stream;
  }

  /** Ends the connection when its streams have. */
  close(): void {
    if (this.over || this.#closing) return;
    this.#closing = true;
    if (this.streams === 0) this.finish();
  }

  writeRequest(stream: ClientStream, request: OutgoingRequest, last: boolean): boolean {
    const { head, edits, additions } = request;
    const size = listBytes(head) + additions.length + (edits?.add?.length ?? 0);
    if (size > this.peer.maxListBytes) return false;
    this.#reserved.delete(stream);
    stream.begin(this.#nextId, this.peer.window);
    stream.openedAt = this.options.now();
    this.#nextId += 2;
    this.live.set(stream.id, stream);
    const out = this.output.buffer;
    const start = frames.beginHeaders(out);
    this.encoder.request(out, head, edits, request.drop, additions);
    frames.finishHeaders(out, start, stream.id, last, frames.MIN_MAX_FRAME);
    this.flood.stream();
    if (last) stream.localEnded = true;
    if (this.#nextId > frames.MAX_STREAM_ID - 2) this.#stopOpening();
    return true;
  }

  declined(stream: ClientStream): void {
    if (!this.#reserved.delete(stream) || this.over) return;
    this.#freed();
  }

  protected released(): void {
    this.#freed();
  }

  #freed(): void {
    if ((this.#closing || this.#draining) && this.streams === 0) this.finish();
    else this.#owner.available(this);
  }

  #stopOpening(): void {
    if (this.#draining) return;
    this.#draining = true;
    this.#owner.draining(this);
  }

  protected get peerIsServer(): boolean {
    return true;
  }

  /** Streams of the endpoint's own would be pushes, which we refuse. */
  protected override get lastId(): number {
    return 0;
  }

  protected isIdle(id: number): boolean {
    return (id & 1) === 0 || id >= this.#nextId;
  }

  /** Others have streams on this connection: what comes late for one of them is counted, and ends nothing. */
  protected override mayLinger(): boolean {
    return true;
  }

  protected headers(id: number, ends: boolean, block: Buffer, start: number, end: number): void {
    const stream = this.live.get(id);
    if (stream === undefined) this.#late(id, block, start, end);
    else if (stream.headed) this.trailers(stream, ends, block, start, end);
    else this.#response(stream, ends, block, start, end);
  }

  #response(stream: ClientStream, ends: boolean, block: Buffer, start: number, end: number): void {
    const { hpack } = this;
    const { epoch } = hpack;
    let head = this.#cache.find(block, start, end, epoch);
    let result = DECODED;
    if (head === undefined) {
      head = new ResponseHead();
      result = this.options.shared.heads.response(hpack, block, start, end, head);
      if (result === DECODED && hpack.epoch === epoch) this.#cache.keep(block, start, end, epoch, head);
    }
    if (result === UNDECODABLE) {
      this.fail(frames.COMPRESSION_ERROR, refuse.H2_COMPRESSION);
      return;
    }
    const { id } = stream;
    if (stream.remoteEnded) {
      this.streamError(id, frames.STREAM_CLOSED, refuse.H2_FRAME);
      return;
    }
    if (result !== DECODED) {
      this.streamError(id, frames.PROTOCOL_ERROR, result);
      return;
    }
    // There is no switching of protocols here, and a message that has not begun cannot end (RFC 9113 sections 8.1 and 8.6).
    if (head.status === 101 || (head.status < 200 && ends)) {
      this.streamError(id, frames.PROTOCOL_ERROR, refuse.BAD_STATUS_LINE);
      return;
    }
    stream.respond(head);
    if (head.status < 200) {
      this.noise();
      return;
    }
    this.flood.work();
    if (ends && stream.mismatches(true)) {
      this.streamError(id, frames.PROTOCOL_ERROR, refuse.LENGTH_MISMATCH);
      return;
    }
    if (ends) this.remoteEnds(stream);
    this.announceSoon(stream);
  }

  #late(id: number, block: Buffer, start: number, end: number): void {
    const result = this.options.shared.heads.trailers(this.hpack, block, start, end, new Head());
    if (result === UNDECODABLE) this.fail(frames.COMPRESSION_ERROR, refuse.H2_COMPRESSION);
    else if (this.isIdle(id)) this.fail(frames.PROTOCOL_ERROR, refuse.H2_FRAME);
    else this.noise();
  }

  protected settled(): void {
    this.#owner.available(this);
  }

  /** Streams behind the last one have not been looked at; the others go on (RFC 9113 section 6.8). */
  protected goaway(lastId: number, code: number): void {
    this.#stopOpening();
    this.#loseReserved();
    const message = `the endpoint is going away with ${frames.errorName(code)}`;
    for (const stream of [...this.live.values()]) {
      if (stream.id <= lastId) continue;
      stream.drop();
      stream.refuse(message);
    }
    if (!this.over && this.streams === 0) this.finish();
  }

  protected pong(bytes: Buffer, start: number): void {
    const { keepAlive, wheel } = this.#client;
    if (!this.#pinged || keepAlive === undefined || ALIVE_PING.compare(bytes, start, start + 8) !== 0) {
      this.noise();
      return;
    }
    this.#pinged = false;
    this.#bytesSeen = this.socket.bytesRead;
    wheel.disarm(this);
    wheel.arm(this, keepAlive.intervalMs);
  }

  protected tick(): void {
    const { keepAlive, wheel } = this.#client;
    if (keepAlive === undefined) return;
    const seen = this.socket.bytesRead;
    if (seen !== this.#bytesSeen) this.#pinged = false;
    else if (this.#pinged) {
      this.destroy();
      return;
    } else {
      this.#pinged = true;
      frames.writePing(this.output.buffer, 0, ALIVE_PING, 0);
    }
    this.#bytesSeen = seen;
    wheel.arm(this, this.#pinged ? keepAlive.timeoutMs : keepAlive.intervalMs);
  }

  protected refused(code: number): void {
    this.#client.refused?.(code);
  }

  protected gone(): void {
    this.#loseReserved();
    this.#owner.gone(this);
  }

  /** What has not been sent yet never will be: that is said when it is asked for. */
  #loseReserved(): void {
    for (const stream of this.#reserved) stream.reset = true;
    this.#reserved.clear();
  }
}
