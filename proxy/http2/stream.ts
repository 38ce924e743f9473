/**
 * One stream (RFC 9113 section 5), either side's: what it sends waits its turn and its windows here, and what it receives
 * waits here for its taker. What a message means is the affair of the two kinds of stream.
 */
import type { Head } from "../http/head.ts";
import { ByteQueue } from "./byte-queue.ts";
import { STREAM_WINDOW } from "./settings.ts";

/** What a stream needs of its connection. */
export interface StreamOwner {
  /** Frames as much as may go at once: the offset behind it. */
  writeData(stream: Stream, bytes: Buffer, start: number, end: number, last: boolean): number;
  /** Queues the stream for its share of the connection. */
  enqueue(stream: Stream): void;
  writeTrailers(stream: Stream, trailers: Head): void;
  /** Trailers that cannot go yet, as a block that needs no table: others may be written before it. */
  setAside(trailers: Head): Buffer;
  writeBlock(stream: Stream, block: Buffer): void;
  writeReset(stream: Stream, code: number): void;
  /** So many bytes have been taken; the stream's own share is given back with `windowUpdate`. */
  consumed(count: number): void;
  windowUpdate(id: number, increment: number): void;
  /** Both sides are done with the stream. */
  release(stream: Stream): void;
}

/** A source is told to go on when this little waits: its next bytes arrive before the last are out. */
const RESUME_BYTES = 16 * 1024;
/** Pieces that are handed on at a time. */
const PIECE_BYTES = 64 * 1024;
export const EMPTY = Buffer.alloc(0);

export abstract class Stream {
  /** 0 until the stream is opened. */
  id: number;
  protected readonly owner: StreamOwner;
  /** What the peer still takes; less than nothing when it lowered its initial window. */
  sendWindow: number;
  /** Monotonic ms. */
  openedAt = 0;
  /** In the connection's round. */
  queued = false;
  /** We have sent END_STREAM. */
  localEnded = false;
  /** The peer has. */
  remoteEnded = false;
  /** Reset, by either side. */
  reset = false;
  /** The message's head is in: DATA may come. */
  headed = false;
  /** What the peer may still send. */
  receiveWindow = STREAM_WINDOW;
  /** Bytes of DATA so far, and what Content-Length promises; -1 without. */
  received = 0;
  expected = -1;
  #sending: ByteQueue | undefined;
  /** END_STREAM follows what waits, or these trailers do. */
  #ends = false;
  #trailers: Buffer | undefined;
  #sourceWaits = false;
  /** What came with the head: who is told of that takes it as it is; copied when not. */
  #early: Buffer | undefined;
  #receiving: ByteQueue | undefined;
  #receivedTrailers: Head | undefined;
  /** Received and not yet taken. */
  #held = 0;
  /** Of that, handed on to a taker that had no room. */
  #unpaid = 0;
  #credit = 0;
  #open = false;
  #endDelivered = false;

  constructor(id: number, owner: StreamOwner, sendWindow: number) {
    this.id = id;
    this.owner = owner;
    this.sendWindow = sendWindow;
  }

  /** Hands on what was received; false: no room until `resume`. */
  protected abstract deliver(bytes: Buffer, start: number, end: number, last: boolean): boolean;
  protected abstract deliverTrailers(trailers: Head): void;
  /** The source may go on. */
  protected abstract writable(): void;
  /** Everything that was received has been handed on. */
  protected delivered(): void {}
  /** Everything has been sent. */
  protected sentAll(): void {}
  /** The peer reset the stream, or its connection is gone; nothing more can be sent or received. */
  abstract lost(code: number, message: string): void;
  /** What it sent is refused, and the stream has been reset; `refused` is a refusal's code. */
  abstract malformed(refused: number): void;
  /** Says that the message has begun, with what of its body is at hand. */
  abstract announce(): void;

  /** Opens the stream under this number. */
  begin(id: number, sendWindow: number): void {
    this.id = id;
    this.sendWindow = sendWindow;
  }

  /** Both directions have been closed. */
  get over(): boolean {
    return this.reset || (this.localEnded && this.remoteEnded);
  }

  // Sending.

  /** Something waits to be sent. */
  get sendsLater(): boolean {
    return this.#sending !== undefined && this.#sending.length > 0;
  }

  protected write(bytes: Buffer, start: number, end: number, last: boolean): boolean {
    if (this.reset || this.localEnded || this.#ends) return true;
    let at = start;
    if (!this.sendsLater) {
      at = this.owner.writeData(this, bytes, start, end, last);
      if (this.localEnded) this.endSent();
      if (at === end) return true;
    }
    this.#sending ??= new ByteQueue();
    this.#sending.push(bytes, at, end);
    this.#ends = last;
    this.#sourceWaits = true;
    this.owner.enqueue(this);
    return false;
  }

  /** Ends the body with trailers. */
  protected writeTrailers(trailers: Head): void {
    if (this.reset || this.localEnded || this.#ends) return;
    if (this.sendsLater) {
      this.#trailers = this.owner.setAside(trailers);
      this.#ends = true;
      return;
    }
    this.owner.writeTrailers(this, trailers);
    this.endSent();
  }

  /** Sends the stream's share of a round: at most so many bytes. True when it has more that may go. */
  sendShare(most: number): boolean {
    const sending = this.#sending;
    if (this.reset || sending === undefined) return false;
    const room = Math.min(most, this.sendWindow);
    if (room <= 0) return false;
    const piece = sending.take(room);
    if (piece === undefined) return false;
    const empty = sending.length === 0;
    const last = empty && this.#ends && this.#trailers === undefined;
    this.owner.writeData(this, piece, 0, piece.length, last);
    if (empty && this.#trailers !== undefined) {
      this.owner.writeBlock(this, this.#trailers);
      this.#trailers = undefined;
    }
    if (this.localEnded) this.endSent();
    else if (this.#sourceWaits && sending.length <= RESUME_BYTES && !this.#ends) {
      this.#sourceWaits = false;
      this.writable();
    }
    return !this.reset && sending.length > 0 && this.sendWindow > 0;
  }

  /** END_STREAM is out. */
  protected endSent(): void {
    this.#sending = undefined;
    this.sentAll();
    if (this.over) this.owner.release(this);
  }

  /** Resets the stream, unless it is over. */
  protected cancel(code: number): void {
    if (!this.over) this.owner.writeReset(this, code);
    this.drop();
  }

  /** Lets go of everything: the stream is reset, whoever did it. */
  drop(): void {
    this.#sending = undefined;
    this.#trailers = undefined;
    if (!this.over) {
      this.reset = true;
      this.owner.release(this);
    }
    this.reset = true;
    this.discard();
  }

  // Receiving.

  /** A frame of DATA has begun: counts it. */
  counts(size: number): void {
    this.#held += size;
    this.received += size;
  }

  /** Content-Length and DATA disagree. */
  mismatches(ends: boolean): boolean {
    if (this.expected < 0) return false;
    return this.received > this.expected || (ends && this.received !== this.expected);
  }

  /** The message's body may be handed on from now; without `room` once there is some, by `resume`. */
  protected open(room: boolean): void {
    this.#open = true;
    if (room) this.resume();
    else this.#open = false;
  }

  receive(bytes: Buffer, start: number, end: number): void {
    if (this.reset) return;
    if (this.#open && !this.#waits) {
      const last = this.remoteEnded && this.#receivedTrailers === undefined;
      if (end > start || last) this.#hand(bytes, start, end, last);
      return;
    }
    if (end > start) this.#keep(bytes, start, end);
  }

  /** The first piece, ahead of `announce`; `settle` follows. */
  receiveEarly(bytes: Buffer, start: number, end: number): void {
    if (end > start && !this.reset) this.#early = bytes.subarray(start, end);
  }

  /** What nobody took when the stream was announced is kept without the chunk that it came in. */
  settle(): void {
    const early = this.#early;
    if (early === undefined) return;
    this.#early = undefined;
    this.#keep(early, 0, early.length);
  }

  #keep(bytes: Buffer, start: number, end: number): void {
    this.#receiving ??= new ByteQueue();
    this.#receiving.push(bytes, start, end);
  }

  /** Something was received that nobody has taken. */
  get #waits(): boolean {
    return this.#early !== undefined || (this.#receiving !== undefined && this.#receiving.length > 0);
  }

  #next(): Buffer | undefined {
    const early = this.#early;
    if (early === undefined) return this.#receiving?.take(PIECE_BYTES);
    this.#early = undefined;
    return early;
  }

  /** END_STREAM came with trailers. */
  receiveTrailers(trailers: Head): void {
    this.#receivedTrailers = trailers;
    if (this.#open) this.#pass();
  }

  /** A piece that waits, for who wants it before it is handed on. */
  protected takePiece(): Buffer | undefined {
    const piece = this.#next();
    if (piece === undefined) return undefined;
    this.#take(piece.length);
    if (this.allTaken) this.#endDelivered = true;
    return piece;
  }

  /** Nothing of the body is to come, nor trailers. */
  protected get allTaken(): boolean {
    if (this.#endDelivered) return true;
    return this.remoteEnded && !this.#waits && this.#receivedTrailers === undefined;
  }

  resume(): void {
    if (this.reset) return;
    this.#open = true;
    const unpaid = this.#unpaid;
    this.#unpaid = 0;
    this.#take(unpaid);
    this.#pass();
  }

  /** Hands on what waits while there is room. */
  #pass(): void {
    while (this.#open && !this.reset) {
      const piece = this.#next();
      if (piece === undefined) break;
      this.#hand(piece, 0, piece.length, this.allTaken);
    }
    if (!this.#open || this.reset || this.#endDelivered || !this.remoteEnded) return;
    this.#endDelivered = true;
    const trailers = this.#receivedTrailers;
    this.#receivedTrailers = undefined;
    if (trailers !== undefined) this.deliverTrailers(trailers);
    else this.deliver(EMPTY, 0, 0, true);
    this.delivered();
  }

  #hand(bytes: Buffer, start: number, end: number, last: boolean): void {
    if (last) this.#endDelivered = true;
    if (this.deliver(bytes, start, end, last)) this.#take(end - start);
    else if (!last) {
      this.#open = false;
      this.#unpaid += end - start;
    } else this.#take(end - start);
    if (last && !this.reset) this.delivered();
  }

  #take(count: number): void {
    if (count === 0 || this.reset) return;
    this.#held -= count;
    this.owner.consumed(count);
    if (!this.remoteEnded) this.credit(count);
  }

  /** The peer may send so many bytes more; said when they are many. */
  credit(count: number): void {
    this.#credit += count;
    if (this.#credit < STREAM_WINDOW / 2) return;
    this.receiveWindow += this.#credit;
    this.owner.windowUpdate(this.id, this.#credit);
    this.#credit = 0;
  }

  /** Nobody will take what waits. */
  protected discard(): void {
    this.#early = undefined;
    this.#receiving = undefined;
    this.#receivedTrailers = undefined;
    const held = this.#held;
    this.#held = 0;
    this.#unpaid = 0;
    if (held > 0) this.owner.consumed(held);
  }
}
