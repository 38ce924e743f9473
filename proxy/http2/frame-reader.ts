/**
 * Cuts a connection's bytes into frames, wherever the chunks that they came in begin and end. A frame's payload is handed on
 * where it stands; only one that lies across two chunks is put together, and DATA not even then.
 */
import { DATA, FRAME_HEADER, MIN_MAX_FRAME, PADDED, PREFACE } from "./frames.ts";

export interface FrameEvents {
  /** A frame other than DATA, whole. */
  frame(type: number, flags: number, id: number, bytes: Buffer, start: number, end: number): void;
  /** A DATA frame begins: of its length, `size` bytes are data. */
  dataBegins(flags: number, id: number, length: number, size: number): void;
  /** A piece of it, without padding; `last`: the frame is over. */
  dataPiece(bytes: Buffer, start: number, end: number, last: boolean): void;
  /** Nothing can be read from here on. */
  unreadable(reason: "preface" | "size" | "padding"): void;
}

export class FrameReader {
  readonly #events: FrameEvents;
  /** Of the client's preface, what has still to come. */
  #prefaceLeft: number;
  /** The beginning of a frame. */
  #rest: Buffer | undefined;
  /** Of a DATA frame that has begun: what is to come of its bytes and of its padding. */
  #dataLeft = 0;
  #paddingLeft = 0;
  #stopped = false;

  constructor(events: FrameEvents, preface: boolean) {
    this.#events = events;
    this.#prefaceLeft = preface ? PREFACE.length : 0;
  }

  /** The preface, or a frame other than DATA, has begun and is not over. */
  get unfinished(): boolean {
    return this.#rest !== undefined || this.#prefaceLeft > 0;
  }

  /** Reads no more. */
  stop(): void {
    this.#stopped = true;
    this.#rest = undefined;
  }

  read(chunk: Buffer): void {
    if (this.#stopped) return;
    let bytes = chunk;
    let at = 0;
    if (this.#prefaceLeft > 0) {
      at = this.#preface(chunk);
      if (at < 0) return;
    }
    if (this.#rest !== undefined) {
      bytes = Buffer.concat([this.#rest, chunk]);
      this.#rest = undefined;
    }
    const end = bytes.length;
    while (!this.#stopped) {
      if (this.#dataLeft > 0) at = this.#data(bytes, at, end);
      if (this.#paddingLeft > 0) {
        const skipped = Math.min(this.#paddingLeft, end - at);
        this.#paddingLeft -= skipped;
        at += skipped;
      }
      if (at === end) return;
      const next = this.#frame(bytes, at, end);
      if (next === at) {
        // What is kept must not keep the whole chunk alive.
        this.#rest = Buffer.from(bytes.subarray(at));
        return;
      }
      at = next;
    }
  }

  /** The offset behind the preface's part in the chunk, -1 when that is not one. */
  #preface(chunk: Buffer): number {
    const from = PREFACE.length - this.#prefaceLeft;
    const count = Math.min(this.#prefaceLeft, chunk.length);
    for (let at = 0; at < count; at++) {
      if (chunk[at] === PREFACE[from + at]) continue;
      this.#refuse("preface");
      return -1;
    }
    this.#prefaceLeft -= count;
    return count;
  }

  /** Reads one frame, or the beginning of a DATA frame; the offset behind it, `at` itself when there is more to come. */
  #frame(bytes: Buffer, at: number, end: number): number {
    if (end - at < FRAME_HEADER) return at;
    const length =
      ((bytes[at] as number) << 16) | ((bytes[at + 1] as number) << 8) | (bytes[at + 2] as number);
    if (length > MIN_MAX_FRAME) {
      this.#refuse("size");
      return end;
    }
    const type = bytes[at + 3] as number;
    const flags = bytes[at + 4] as number;
    const id =
      (((bytes[at + 5] as number) & 0x7f) << 24) |
      ((bytes[at + 6] as number) << 16) |
      ((bytes[at + 7] as number) << 8) |
      (bytes[at + 8] as number);
    let from = at + FRAME_HEADER;
    if (type !== DATA) {
      if (end - from < length) return at;
      this.#events.frame(type, flags, id, bytes, from, from + length);
      return from + length;
    }
    let padding = 0;
    let size = length;
    if ((flags & PADDED) !== 0) {
      if (length > 0 && from === end) return at;
      padding = length > 0 ? (bytes[from] as number) : 0;
      from++;
      size = length - 1 - padding;
      if (size < 0) {
        this.#refuse("padding");
        return end;
      }
    }
    this.#events.dataBegins(flags, id, length, size);
    this.#dataLeft = size;
    this.#paddingLeft = padding;
    if (size === 0 && !this.#stopped) this.#events.dataPiece(bytes, from, from, true);
    return from;
  }

  #data(bytes: Buffer, at: number, end: number): number {
    const after = at + Math.min(this.#dataLeft, end - at);
    if (after === at) return at;
    this.#dataLeft -= after - at;
    this.#events.dataPiece(bytes, at, after, this.#dataLeft === 0);
    return after;
  }

  #refuse(reason: "preface" | "size" | "padding"): void {
    this.stop();
    this.#events.unreadable(reason);
  }
}
