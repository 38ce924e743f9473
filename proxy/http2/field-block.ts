/** A field block on its way in: HEADERS, and CONTINUATION until it is whole (RFC 9113 sections 4.3 and 6.2). */
import { ByteBuffer } from "./byte-buffer.ts";
import { MAX_CONTINUATIONS } from "./flood.ts";
import * as frames from "./frames.ts";

/** A block may be this long: longer than any head that we take, so that those can be answered. */
const MAX_BLOCK_BYTES = 128 * 1024;

export const WHOLE = 0;
export const UNFINISHED = 1;
/** The peer cuts its head into more frames, or sends more of it, than any head needs. */
export const FLOODS = 2;
export const MALFORMED = 3;

export class FieldBlock {
  id = 0;
  flags = 0;
  /** RFC 7540's priority: the stream that it depends on; read to see that it is not the stream itself. */
  dependency = 0;
  /** The block, when `WHOLE`. */
  bytes: Buffer = NOTHING;
  start = 0;
  end = 0;
  #pieces: ByteBuffer | undefined;
  #frames = 0;

  /** Of an unfinished block, the only stream that frames may come for; 0 for none. */
  get expects(): number {
    return this.#pieces === undefined ? 0 : this.id;
  }

  begin(flags: number, id: number, bytes: Buffer, from: number, to: number): number {
    let start = from;
    let end = to;
    if ((flags & frames.PADDED) !== 0) {
      if (start === end) return MALFORMED;
      end -= bytes[start] as number;
      start++;
    }
    this.dependency = 0;
    if ((flags & frames.PRIORITIZED) !== 0) {
      if (end - start >= 5) this.dependency = frames.readUint32(bytes, start) & frames.MAX_STREAM_ID;
      start += 5;
    }
    if (start > end) return MALFORMED;
    this.id = id;
    this.flags = flags;
    if ((flags & frames.END_HEADERS) !== 0) return this.#whole(bytes, start, end);
    this.#frames = 1;
    this.#pieces = new ByteBuffer();
    this.#pieces.append(bytes, start, end);
    return UNFINISHED;
  }

  continue(flags: number, bytes: Buffer, start: number, end: number): number {
    const pieces = this.#pieces;
    if (pieces === undefined) return MALFORMED;
    this.#frames++;
    if (this.#frames > MAX_CONTINUATIONS || pieces.length + end - start > MAX_BLOCK_BYTES) return FLOODS;
    pieces.append(bytes, start, end);
    if ((flags & frames.END_HEADERS) === 0) return UNFINISHED;
    this.#pieces = undefined;
    return this.#whole(pieces.bytes, 0, pieces.length);
  }

  /** Lets go of the bytes. */
  release(): void {
    this.bytes = NOTHING;
  }

  #whole(bytes: Buffer, start: number, end: number): number {
    this.bytes = bytes;
    this.start = start;
    this.end = end;
    return WHOLE;
  }
}

const NOTHING = Buffer.alloc(0);
