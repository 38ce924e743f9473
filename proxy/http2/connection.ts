/**
 * One connection of HTTP/2 (RFC 9113), either side's: frames in and out, settings, flow control, and an end that is known to
 * both. What opens streams, and what a head means, is the affair of the two kinds of connection.
 */
import type { Head } from "../http/head.ts";
import * as refuse from "../http/refusal.ts";
import { LINGER_MS, type Socket, type SocketEvents } from "../net/socket.ts";
import { TimerEntry, type TimerWheel } from "../net/timer-wheel.ts";
import { ByteBuffer } from "./byte-buffer.ts";
import { FieldBlock, FLOODS, MALFORMED, WHOLE } from "./field-block.ts";
import { FloodGuard } from "./flood.ts";
import { Flow } from "./flow.ts";
import { type FrameEvents, FrameReader } from "./frame-reader.ts";
import { frameError } from "./frame-rules.ts";
import * as frames from "./frames.ts";
import type { HeadDecoder } from "./head-decoder.ts";
import { HeadEncoder } from "./head-encoder.ts";
import { Decoder } from "./hpack/decoder.ts";
import { Encoder } from "./hpack/encoder.ts";
import { Output, type Turn } from "./output.ts";
import type { ReceiveBudget } from "./receive-budget.ts";
import { CONNECTION_WINDOW, MAX_STREAMS, PeerSettings } from "./settings.ts";
import type { Stream, StreamOwner } from "./stream.ts";

/** What all connections of a process share. */
export interface Shared {
  readonly turn: Turn;
  readonly budget: ReceiveBudget;
  readonly heads: HeadDecoder;
}

export interface ConnectionOptions {
  readonly wheel: TimerWheel;
  readonly shared: Shared;
  /** Monotonic ms. */
  now(): number;
  /** A head must be in this long after its first byte. */
  readonly headMs: number;
}

/** Streams that we reset are remembered for what the peer had sent by then: as many as can have been open at once. */
const REMEMBERED_RESETS = MAX_STREAMS;

export abstract class Connection<S extends Stream>
  extends TimerEntry
  implements SocketEvents, FrameEvents, StreamOwner
{
  readonly socket: Socket;
  protected readonly options: ConnectionOptions;
  protected readonly output: Output;
  protected readonly peer = new PeerSettings();
  protected readonly live = new Map<number, S>();
  protected readonly hpack = new Decoder();
  protected readonly encoder = new HeadEncoder();
  protected readonly flood = new FloodGuard();
  protected readonly flow: Flow;
  /** The connection has ended for both: nothing is read or written but what remains of its end. */
  protected over = false;
  /** The last stream that the peer opened. */
  protected lastPeerId = 0;
  readonly #reader: FrameReader;
  readonly #block = new FieldBlock();
  /** The frame of DATA that is being read is this stream's; undefined when nobody wants it. */
  #dataStream: S | undefined;
  #dataEnds = false;
  /** A stream whose head is in and whose first bytes may follow at once. */
  #announcing: S | undefined;
  #resets: Set<number> | undefined;
  /** Monotonic ms since when a head has been on its way; 0 for none. */
  #headSince = 0;
  #closedTold = false;

  constructor(socket: Socket, options: ConnectionOptions, preface: boolean) {
    super();
    this.socket = socket;
    this.options = options;
    this.output = new Output(socket, options.shared.turn);
    this.flow = new Flow(this.output, options.shared.budget);
    this.#reader = new FrameReader(this, preface);
    socket.events = this;
  }

  /** Opens a stream, or takes its response or trailers. */
  protected abstract headers(id: number, ends: boolean, block: Buffer, start: number, end: number): void;
  /** The peer has not opened a stream of this number. */
  protected abstract isIdle(id: number): boolean;
  protected abstract settled(): void;
  protected abstract goaway(lastId: number, code: number): void;
  protected abstract pong(bytes: Buffer, start: number): void;
  protected abstract released(stream: S): void;
  /** The connection is over, after its streams have been told. */
  protected abstract gone(): void;
  /** Bytes were refused: a code of `refusal.ts`. */
  protected abstract refused(code: number): void;
  /** Time to look at what else has a deadline. */
  protected abstract tick(now: number): void;
  /** What we say in GOAWAY of the peer's streams. */
  protected get lastId(): number {
    return this.lastPeerId;
  }

  // The socket.

  data(chunk: Buffer): void {
    if (this.over) return;
    const { turn } = this.options.shared;
    turn.begin();
    try {
      this.#reader.read(chunk);
      this.#announce();
      this.#watchHead();
      if (this.output.overrun) this.fail(frames.ENHANCE_YOUR_CALM, refuse.H2_FLOOD);
    } finally {
      turn.end();
    }
  }

  writable(): void {
    this.output.drained();
    if (this.over) return;
    const { turn } = this.options.shared;
    turn.begin();
    try {
      this.flow.pump();
    } finally {
      turn.end();
    }
  }

  ended(): void {
    this.#lose("the connection was closed");
    this.output.flush();
    this.socket.end();
  }

  closed(error: Error | undefined): void {
    this.#lose(error?.message ?? "the connection was closed");
    this.options.wheel.disarm(this);
  }

  destroy(): void {
    this.#lose("the connection was closed");
    this.options.wheel.disarm(this);
    this.socket.abandon();
    this.socket.destroy();
  }

  /** Tells the streams, once, and then the owner. */
  #lose(message: string): void {
    this.over = true;
    this.#reader.stop();
    this.flow.stop();
    for (const stream of [...this.live.values()]) {
      stream.drop();
      stream.lost(frames.CANCEL, message);
    }
    this.live.clear();
    if (this.#closedTold) return;
    this.#closedTold = true;
    this.gone();
  }

  expire(now: number): void {
    if (this.over) {
      this.socket.end();
      return;
    }
    const since = this.#headSince;
    if (since > 0 && now >= since + this.options.headMs)
      this.fail(frames.ENHANCE_YOUR_CALM, refuse.HEAD_TIMEOUT);
    else if (since > 0) this.options.wheel.arm(this, since + this.options.headMs - now);
    else this.tick(now);
  }

  /** A head must not be on its way for ever. */
  #watchHead(): void {
    const unfinished = this.#block.expects !== 0 || this.#reader.unfinished;
    if (!unfinished) this.#headSince = 0;
    else if (this.#headSince === 0 && !this.over) {
      this.#headSince = this.options.now();
      this.options.wheel.arm(this, this.options.headMs);
    }
  }

  // The connection's end.

  /** A connection error (RFC 9113 section 5.4.1): says why, and ends. */
  protected fail(code: number, refusal: number): void {
    if (this.over) return;
    if (refusal < 0) this.refused(refusal);
    frames.writeGoaway(this.output.buffer, this.lastId, code);
    this.output.flush();
    this.#lose(`HTTP/2: ${frames.errorName(code)}`);
    this.linger();
  }

  /** Ends in order: what is written goes out, what comes is not read. */
  protected finish(code = frames.NO_ERROR): void {
    if (this.over) return;
    frames.writeGoaway(this.output.buffer, this.lastId, code);
    this.output.flush();
    this.#lose("the connection was closed");
    this.linger();
  }

  /** Says no more, and reads on for a moment: closing on unread bytes would reset away what we just said. */
  protected linger(): void {
    if (this.socket.ended) {
      this.socket.end();
      return;
    }
    this.socket.shutdown();
    this.socket.resume();
    this.options.wheel.disarm(this);
    this.options.wheel.arm(this, LINGER_MS);
  }

  unreadable(reason: "preface" | "size" | "padding"): void {
    this.fail(reason === "size" ? frames.FRAME_SIZE_ERROR : frames.PROTOCOL_ERROR, refuse.H2_FRAME);
  }

  protected noise(): void {
    if (this.flood.noise(this.options.now)) this.fail(frames.ENHANCE_YOUR_CALM, refuse.H2_FLOOD);
  }

  /** A stream error that the peer caused (section 5.4.2). */
  protected streamError(id: number, code: number, refusal: number): void {
    this.#countReset();
    if (this.over) return;
    const stream = this.live.get(id);
    if (stream !== undefined) {
      if (refusal < 0) this.refused(refusal);
      this.writeReset(stream, code);
      stream.drop();
      stream.malformed(refusal);
      return;
    }
    if (refusal < 0) this.refused(refusal);
    this.#remember(id);
    frames.writeReset(this.output.buffer, id, code);
  }

  #countReset(): void {
    if (this.flood.reset(this.options.now)) this.fail(frames.ENHANCE_YOUR_CALM, refuse.H2_FLOOD);
  }

  #remember(id: number): void {
    this.#resets ??= new Set();
    const resets = this.#resets;
    resets.add(id);
    if (resets.size <= REMEMBERED_RESETS) return;
    for (const oldest of resets) {
      resets.delete(oldest);
      break;
    }
  }

  /** Frames may still come for this stream, which is over: its reset and they have crossed. */
  protected mayLinger(id: number): boolean {
    return this.#resets?.has(id) === true;
  }

  // Frames.

  frame(type: number, flags: number, id: number, bytes: Buffer, start: number, end: number): void {
    this.#announce();
    const first = !this.peer.received;
    if (first && (type !== frames.SETTINGS || (flags & frames.ACK) !== 0)) {
      this.fail(frames.PROTOCOL_ERROR, refuse.H2_FRAME);
      return;
    }
    const { expects } = this.#block;
    if (expects !== 0) {
      if (type !== frames.CONTINUATION || id !== expects) this.fail(frames.PROTOCOL_ERROR, refuse.H2_FRAME);
      else this.#blockRead(this.#block.continue(flags, bytes, start, end));
      return;
    }
    const error = frameError(type, flags, id, end - start);
    if (error !== 0) this.fail(error, refuse.H2_FRAME);
    else if (type === frames.HEADERS) this.#blockRead(this.#block.begin(flags, id, bytes, start, end));
    else if (type === frames.WINDOW_UPDATE) this.#windowUpdate(id, frames.readUint32(bytes, start));
    else if (type === frames.RST_STREAM) this.#resetFrame(id, frames.readUint32(bytes, start));
    else if (type === frames.SETTINGS) this.#settings(flags, bytes, start, end);
    else if (type === frames.PING) this.#ping(flags, bytes, start);
    else if (type === frames.PRIORITY) this.#priority(id, bytes, start, end);
    else if (type === frames.GOAWAY) {
      this.goaway(
        frames.readUint32(bytes, start) & frames.MAX_STREAM_ID,
        frames.readUint32(bytes, start + 4),
      );
    } else this.noise();
  }

  #blockRead(result: number): void {
    const block = this.#block;
    if (result === WHOLE) {
      const { id, dependency } = block;
      this.headers(id, (block.flags & frames.END_STREAM) !== 0, block.bytes, block.start, block.end);
      block.release();
      if (dependency === id && !this.over) this.streamError(id, frames.PROTOCOL_ERROR, refuse.H2_FRAME);
    } else if (result === FLOODS) this.fail(frames.ENHANCE_YOUR_CALM, refuse.H2_FLOOD);
    else if (result === MALFORMED) this.fail(frames.PROTOCOL_ERROR, refuse.H2_FRAME);
  }

  /** Read no further than to see that it is one: priorities are not kept (section 5.3.2). */
  #priority(id: number, bytes: Buffer, start: number, end: number): void {
    if (end - start !== 5) this.streamError(id, frames.FRAME_SIZE_ERROR, refuse.H2_FRAME);
    else if ((frames.readUint32(bytes, start) & frames.MAX_STREAM_ID) === id) {
      this.streamError(id, frames.PROTOCOL_ERROR, refuse.H2_FRAME);
    } else this.noise();
  }

  #resetFrame(id: number, code: number): void {
    if (this.isIdle(id)) {
      this.fail(frames.PROTOCOL_ERROR, refuse.H2_FRAME);
      return;
    }
    const stream = this.live.get(id);
    if (stream === undefined) {
      this.noise();
      return;
    }
    stream.drop();
    stream.lost(code, `the stream was reset with ${frames.errorName(code)}`);
    this.#countReset();
  }

  #settings(flags: number, bytes: Buffer, start: number, end: number): void {
    if ((flags & frames.ACK) !== 0) return;
    const { peer } = this;
    const { window } = peer;
    const error = peer.read(bytes, start, end, this.peerIsServer);
    if (error !== 0) {
      this.fail(error, refuse.H2_FRAME);
      return;
    }
    this.encoder.hpack.limit(peer.tableBytes);
    frames.writeSettingsAck(this.output.buffer);
    if (peer.window !== window) this.#moveWindows(peer.window - window);
    if (this.over) return;
    this.settled();
    this.noise();
  }

  protected abstract get peerIsServer(): boolean;

  /** A new initial window changes that of every stream (section 6.9.2). */
  #moveWindows(by: number): void {
    for (const stream of this.live.values()) {
      stream.sendWindow += by;
      if (stream.sendWindow > frames.MAX_WINDOW) {
        this.fail(frames.FLOW_CONTROL_ERROR, refuse.H2_FLOW_CONTROL);
        return;
      }
      if (stream.sendsLater) this.flow.enqueue(stream);
    }
    this.flow.pump();
  }

  #ping(flags: number, bytes: Buffer, start: number): void {
    if ((flags & frames.ACK) !== 0) {
      this.pong(bytes, start);
      return;
    }
    frames.writePing(this.output.buffer, frames.ACK, bytes, start);
    this.noise();
  }

  #windowUpdate(id: number, value: number): void {
    const increment = value & frames.MAX_WINDOW;
    if (id === 0) {
      if (increment === 0) this.fail(frames.PROTOCOL_ERROR, refuse.H2_FRAME);
      else if (!this.flow.widen(increment)) this.fail(frames.FLOW_CONTROL_ERROR, refuse.H2_FLOW_CONTROL);
    } else this.#widen(id, increment);
    if (this.over) return;
    this.flow.pump();
    this.noise();
  }

  #widen(id: number, increment: number): void {
    const stream = this.live.get(id);
    if (this.isIdle(id)) this.fail(frames.PROTOCOL_ERROR, refuse.H2_FRAME);
    else if (increment === 0) this.streamError(id, frames.PROTOCOL_ERROR, refuse.H2_FRAME);
    else if (stream !== undefined) {
      stream.sendWindow += increment;
      if (stream.sendWindow > frames.MAX_WINDOW) {
        this.streamError(id, frames.FLOW_CONTROL_ERROR, refuse.H2_FLOW_CONTROL);
      } else if (stream.sendsLater) this.flow.enqueue(stream);
    }
  }

  dataBegins(flags: number, id: number, length: number, size: number): void {
    if (this.#announcing !== undefined && this.#announcing.id !== id) this.#announce();
    this.#dataStream = undefined;
    this.#dataEnds = (flags & frames.END_STREAM) !== 0;
    const stream = this.live.get(id);
    const misplaced = id === 0 || this.#block.expects !== 0 || !this.peer.received;
    if (misplaced || (stream === undefined && this.isIdle(id))) {
      this.fail(frames.PROTOCOL_ERROR, refuse.H2_FRAME);
      return;
    }
    if (!this.flow.arrive(length)) {
      this.fail(frames.FLOW_CONTROL_ERROR, refuse.H2_FLOW_CONTROL);
      return;
    }
    if (stream === undefined || stream.remoteEnded) {
      this.flow.giveBack(length);
      if (stream === undefined && this.mayLinger(id)) this.noise();
      else this.streamError(id, frames.STREAM_CLOSED, refuse.H2_FRAME);
      return;
    }
    stream.receiveWindow -= length;
    if (stream.receiveWindow < 0) {
      this.flow.giveBack(length);
      this.streamError(id, frames.FLOW_CONTROL_ERROR, refuse.H2_FLOW_CONTROL);
      return;
    }
    if (!stream.headed) {
      this.flow.giveBack(length);
      this.streamError(id, frames.PROTOCOL_ERROR, refuse.H2_FRAME);
      return;
    }
    stream.counts(size);
    this.flow.hold(size);
    if (length > size) {
      this.flow.giveBack(length - size);
      stream.credit(length - size);
    }
    if (stream.mismatches(this.#dataEnds)) {
      this.streamError(id, frames.PROTOCOL_ERROR, refuse.LENGTH_MISMATCH);
      return;
    }
    if (size > 0) this.flood.work();
    else if (!this.#dataEnds) this.noise();
    this.#dataStream = stream;
  }

  dataPiece(bytes: Buffer, start: number, end: number, last: boolean): void {
    const stream = this.#dataStream;
    if (stream === undefined) return;
    if (last) {
      this.#dataStream = undefined;
      if (this.#dataEnds) this.remoteEnds(stream);
    }
    stream.receive(bytes, start, end);
    if (last && this.#announcing === stream) this.#announce();
  }

  /** END_STREAM has come. */
  protected remoteEnds(stream: S): void {
    stream.remoteEnded = true;
    if (stream.localEnded) this.release(stream);
  }

  /** Announces the stream with what comes along. */
  protected announceSoon(stream: S): void {
    this.#announcing = stream;
    if (stream.remoteEnded) this.#announce();
  }

  #announce(): void {
    const stream = this.#announcing;
    if (stream === undefined) return;
    this.#announcing = undefined;
    if (!stream.reset) stream.announce();
  }

  // What streams ask for.

  writeData(stream: Stream, bytes: Buffer, start: number, end: number, last: boolean): number {
    this.flood.work();
    return this.flow.write(stream, bytes, start, end, last);
  }

  enqueue(stream: Stream): void {
    this.flow.enqueue(stream);
  }

  writeTrailers(stream: Stream, trailers: Head): void {
    if (this.over) return;
    const out = this.output.buffer;
    const start = frames.beginHeaders(out);
    this.encoder.trailers(out, trailers);
    frames.finishHeaders(out, start, stream.id, true, frames.MIN_MAX_FRAME);
    stream.localEnded = true;
  }

  setAside(trailers: Head): Buffer {
    const out = new ByteBuffer();
    new HeadEncoder(Encoder.withoutTable()).trailers(out, trailers);
    return Buffer.from(out.bytes.subarray(0, out.length));
  }

  writeBlock(stream: Stream, block: Buffer): void {
    if (this.over) return;
    const out = this.output.buffer;
    const start = frames.beginHeaders(out);
    out.append(block, 0, block.length);
    frames.finishHeaders(out, start, stream.id, true, frames.MIN_MAX_FRAME);
    stream.localEnded = true;
  }

  writeReset(stream: Stream, code: number): void {
    if (this.over) return;
    this.#remember(stream.id);
    frames.writeReset(this.output.buffer, stream.id, code);
  }

  windowUpdate(id: number, increment: number): void {
    if (!this.over) frames.writeWindowUpdate(this.output.buffer, id, increment);
  }

  release(stream: Stream): void {
    const known = this.live.get(stream.id);
    if (known !== stream) return;
    this.live.delete(stream.id);
    if (!this.over) this.released(known);
  }

  consumed(count: number): void {
    this.flow.consumed(count);
  }

  /** SETTINGS, and a window for the whole connection, which they cannot say. */
  protected greet(settings: readonly (readonly [number, number])[]): void {
    frames.writeSettings(this.output.buffer, settings);
    frames.writeWindowUpdate(this.output.buffer, 0, CONNECTION_WINDOW - frames.DEFAULT_WINDOW);
  }
}
