/**
 * Flow control of one connection, both ways (RFC 9113 section 5.2): which stream may send how much now, and what the peer
 * may send.
 */
import * as frames from "./frames.ts";
import type { Output } from "./output.ts";
import type { ReceiveBudget } from "./receive-budget.ts";
import { CONNECTION_WINDOW } from "./settings.ts";
import type { Stream } from "./stream.ts";

export class Flow {
  readonly #output: Output;
  readonly #budget: ReceiveBudget;
  #sendWindow = frames.DEFAULT_WINDOW;
  #receiveWindow = CONNECTION_WINDOW;
  /** To be given back to the peer, when it is much. */
  #credit = 0;
  /** Received beyond the budget: given back when it is taken. */
  #withheld = 0;
  /** Streams with something to send, in the order of their turns. */
  readonly #round: Stream[] = [];
  #stopped = false;

  constructor(output: Output, budget: ReceiveBudget) {
    this.#output = output;
    this.#budget = budget;
  }

  /** The connection is over: nothing is sent or given back any more. */
  stop(): void {
    this.#stopped = true;
    this.#round.length = 0;
  }

  // Sending.

  /** Frames as much as may go at once; the offset behind it. */
  write(stream: Stream, bytes: Buffer, start: number, end: number, last: boolean): number {
    if (this.#stopped) return end;
    const output = this.#output;
    let at = start;
    while (at < end) {
      const size = Math.min(end - at, stream.sendWindow, this.#sendWindow, frames.MIN_MAX_FRAME);
      if (size <= 0 || !output.open) return at;
      const ends = last && at + size === end;
      frames.writeData(output.buffer, stream.id, bytes, at, at + size, ends);
      stream.sendWindow -= size;
      this.#sendWindow -= size;
      at += size;
      if (ends) stream.localEnded = true;
    }
    if (start === end && last) {
      frames.writeData(output.buffer, stream.id, bytes, at, at, true);
      stream.localEnded = true;
    }
    return at;
  }

  /** The stream has something that waits: it gets its turn when it has a window. */
  enqueue(stream: Stream): void {
    if (stream.queued || stream.sendWindow <= 0 || this.#stopped) return;
    stream.queued = true;
    this.#round.push(stream);
  }

  /** Lets the streams that wait send, a frame each in turn. */
  pump(): void {
    const round = this.#round;
    while (round.length > 0 && this.#sendWindow > 0 && this.#output.open) {
      const stream = round.shift() as Stream;
      stream.queued = false;
      if (stream.sendShare(Math.min(frames.MIN_MAX_FRAME, this.#sendWindow))) this.enqueue(stream);
    }
  }

  /** The peer takes so much more on the connection; false when it is more than can be counted. */
  widen(increment: number): boolean {
    this.#sendWindow += increment;
    return this.#sendWindow <= frames.MAX_WINDOW;
  }

  // Receiving.

  /** A frame of DATA of this length comes in; false when the peer may not send so much. */
  arrive(length: number): boolean {
    this.#receiveWindow -= length;
    return this.#receiveWindow >= 0;
  }

  /** Of it, this is for somebody to take. */
  hold(size: number): void {
    const budget = this.#budget;
    budget.held += size;
    if (budget.exceeded) this.#withheld += size;
    else this.giveBack(size);
  }

  /** So much has been taken, or never will be. */
  consumed(count: number): void {
    this.#budget.held -= count;
    const due = Math.min(count, this.#withheld);
    if (due === 0) return;
    this.#withheld -= due;
    this.giveBack(due);
  }

  giveBack(count: number): void {
    this.#credit += count;
    if (this.#credit < CONNECTION_WINDOW / 2 || this.#stopped) return;
    this.#receiveWindow += this.#credit;
    frames.writeWindowUpdate(this.#output.buffer, 0, this.#credit);
    this.#credit = 0;
  }
}
