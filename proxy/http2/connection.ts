/**
 * One connection of HTTP/2 (RFC 9113), either side's: its socket, what is written to it, its errors, and an end that is
 * known to both. What frames do is in `incoming.ts`; what opens streams is the affair of the two kinds of connection.
 */
import type { Head } from "../http/head.ts";
import * as refuse from "../http/refusal.ts";
import { LINGER_MS, type Socket, type SocketEvents } from "../net/socket.ts";
import { TimerEntry, type TimerWheel } from "../net/timer-wheel.ts";
import { ByteBuffer } from "./byte-buffer.ts";
import { FloodGuard } from "./flood.ts";
import { Flow } from "./flow.ts";
import { type FrameEvents, FrameReader } from "./frame-reader.ts";
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

export abstract class Connection<S extends Stream> extends TimerEntry implements SocketEvents, StreamOwner {
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
  over = false;
  /** The last stream that the peer opened. */
  protected lastPeerId = 0;
  readonly #reader: FrameReader;
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
    this.#reader = new FrameReader(this.incoming(), preface);
    socket.events = this;
  }

  /** Who takes the frames that are read. */
  protected abstract incoming(): FrameEvents;
  /** A chunk has been read; true when a head is not whole yet. */
  protected abstract chunkRead(): boolean;
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
      this.#watchHead(this.chunkRead() || this.#reader.unfinished);
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
  #watchHead(unfinished: boolean): void {
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

  protected noise(): void {
    if (this.flood.noise(this.options.now)) this.fail(frames.ENHANCE_YOUR_CALM, refuse.H2_FLOOD);
  }

  /** A stream error that the peer caused (section 5.4.2). */
  protected streamError(id: number, code: number, refusal: number): void {
    this.countReset();
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

  protected countReset(): void {
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
