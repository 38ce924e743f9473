/**
 * What the frames of a connection do (RFC 9113 sections 5 and 6): each is checked, counted and handed to its stream. What a
 * head opens is the affair of the two kinds of connection.
 */
import { Head } from "../http/head.ts";
import * as refuse from "../http/refusal.ts";
import { Connection } from "./connection.ts";
import { FieldBlock, FLOODS, MALFORMED, WHOLE } from "./field-block.ts";
import { PREMATURE_MS } from "./flood.ts";
import type { FrameEvents } from "./frame-reader.ts";
import { frameError } from "./frame-rules.ts";
import * as frames from "./frames.ts";
import { DECODED, UNDECODABLE } from "./head-decoder.ts";
import type { Stream } from "./stream.ts";

export abstract class Incoming<S extends Stream> extends Connection<S> implements FrameEvents {
  readonly #block = new FieldBlock();
  /** The frame of DATA that is being read is this stream's; undefined when nobody wants it. */
  #dataStream: S | undefined;
  #dataEnds = false;
  /** A stream whose head is in and whose first bytes may follow at once. */
  #announcing: S | undefined;

  /** Opens a stream, or takes its response or trailers. */
  protected abstract headers(id: number, ends: boolean, block: Buffer, start: number, end: number): void;
  /** The peer has not opened a stream of this number. */
  protected abstract isIdle(id: number): boolean;
  protected abstract settled(): void;
  protected abstract goaway(lastId: number, code: number): void;
  protected abstract pong(bytes: Buffer, start: number): void;

  protected incoming(): FrameEvents {
    return this;
  }

  protected chunkRead(): boolean {
    this.#announce();
    return this.#block.expects !== 0;
  }

  unreadable(reason: "preface" | "size" | "padding"): void {
    this.fail(reason === "size" ? frames.FRAME_SIZE_ERROR : frames.PROTOCOL_ERROR, refuse.H2_FRAME);
  }

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
    if (this.options.now() < stream.openedAt + PREMATURE_MS) this.countReset();
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
    this.encoder.hpack.limit(peer.leastTableBytes);
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
    if (this.#announcing !== stream) stream.receive(bytes, start, end);
    else {
      stream.receiveEarly(bytes, start, end);
      this.#announce();
    }
  }

  /** A head on a stream that has had its first: trailers, which end it (RFC 9113 section 8.1). */
  protected trailers(stream: S, ends: boolean, block: Buffer, start: number, end: number): void {
    const trailers = new Head();
    const result = this.options.shared.heads.trailers(this.hpack, block, start, end, trailers);
    if (result === UNDECODABLE) {
      this.fail(frames.COMPRESSION_ERROR, refuse.H2_COMPRESSION);
      return;
    }
    const { id } = stream;
    if (stream.remoteEnded) {
      this.streamError(id, frames.STREAM_CLOSED, refuse.H2_FRAME);
      return;
    }
    if (!ends) {
      this.streamError(id, frames.PROTOCOL_ERROR, refuse.H2_FRAME);
      return;
    }
    if (result !== DECODED) {
      this.streamError(id, frames.PROTOCOL_ERROR, result);
      return;
    }
    if (stream.mismatches(true)) {
      this.streamError(id, frames.PROTOCOL_ERROR, refuse.LENGTH_MISMATCH);
      return;
    }
    this.remoteEnds(stream);
    stream.receiveTrailers(trailers);
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
    if (stream.reset) return;
    stream.announce();
    stream.settle();
  }
}
