/**
 * What a connection writes: the frames of one turn of the event loop go out together, in one write, when the turn ends.
 * Between turns a connection that waits for nothing holds no buffer.
 */
import type { Socket } from "../net/socket.ts";
import { ByteBuffer } from "./byte-buffer.ts";

/** A buffer this full is written at once: bodies go on flowing, and buffers stay what they are. */
const FULL_BYTES = 64 * 1024;
const BUFFER_BYTES = 16 * 1024;
/** Buffers kept for the next turns, and the largest that is. */
const KEPT_BUFFERS = 16;
const KEPT_BYTES = 96 * 1024;
/**
 * What may wait for a peer that does not read: acknowledgements and heads, as DATA is not framed while anything waits. Whoever
 * lets more pile up makes us work without listening.
 */
const MAX_WAITING = 1024 * 1024;

/** The outputs of a process, and when they are flushed. */
export class Turn {
  readonly #dirty: Output[] = [];
  readonly #spare: ByteBuffer[] = [];
  #depth = 0;
  #scheduled = false;

  /** Runs a reader of a socket: what it causes on any connection is written when it is done. */
  begin(): void {
    this.#depth++;
  }

  end(): void {
    if (--this.#depth === 0) this.#flush();
  }

  mark(output: Output): void {
    this.#dirty.push(output);
    if (this.#depth > 0 || this.#scheduled) return;
    this.#scheduled = true;
    queueMicrotask(this.#flushLater);
  }

  take(): ByteBuffer {
    return this.#spare.pop() ?? new ByteBuffer(Buffer.allocUnsafeSlow(BUFFER_BYTES));
  }

  give(buffer: ByteBuffer): void {
    if (this.#spare.length >= KEPT_BUFFERS || buffer.bytes.length > KEPT_BYTES) return;
    buffer.length = 0;
    this.#spare.push(buffer);
  }

  readonly #flushLater = (): void => {
    this.#scheduled = false;
    if (this.#depth === 0) this.#flush();
  };

  #flush(): void {
    const dirty = this.#dirty;
    // A flush may dirty others.
    for (let index = 0; index < dirty.length; index++) (dirty[index] as Output).flush();
    dirty.length = 0;
  }
}

/** One connection's. */
export class Output {
  readonly socket: Socket;
  readonly #turn: Turn;
  #buffer: ByteBuffer | undefined;
  #waiting = 0;

  constructor(socket: Socket, turn: Turn) {
    this.socket = socket;
    this.#turn = turn;
  }

  /** Where frames are written to; flushed by itself. */
  get buffer(): ByteBuffer {
    const buffer = this.#buffer;
    if (buffer !== undefined) {
      if (buffer.length < FULL_BYTES) return buffer;
      this.#write(buffer);
      buffer.length = 0;
      return buffer;
    }
    const fresh = this.#turn.take();
    this.#buffer = fresh;
    this.#turn.mark(this);
    return fresh;
  }

  /** The peer takes DATA: nothing waits for the kernel. */
  get open(): boolean {
    return !this.socket.congested;
  }

  /** More waits for the peer than it can have a reason for. */
  get overrun(): boolean {
    return this.#waiting > MAX_WAITING;
  }

  /** Everything has been taken. */
  drained(): void {
    this.#waiting = 0;
  }

  flush(): void {
    const buffer = this.#buffer;
    if (buffer === undefined) return;
    this.#buffer = undefined;
    this.#write(buffer);
    this.#turn.give(buffer);
  }

  #write(buffer: ByteBuffer): void {
    if (buffer.length === 0) return;
    if (!this.socket.write(buffer.bytes, 0, buffer.length, true)) this.#waiting += buffer.length;
  }
}
