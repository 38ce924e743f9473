/**
 * Bytes that wait for someone to take them, in order. A small piece is copied together with its neighbours, so that what
 * waits costs about its length, not the chunk that it came in nor an object for each byte.
 */

const COPIED = 2 * 1024;
/** Of the first block, as most queues get no second piece, and of those behind it. */
const FIRST_BLOCK = 256;
const BLOCK = 4 * 1024;

export class ByteQueue {
  length = 0;
  readonly #pieces: Buffer[] = [];
  /** What is left in the last piece's block, when that is ours. */
  #room = 0;

  push(bytes: Buffer, start: number, end: number): void {
    const size = end - start;
    if (size === 0) return;
    this.length += size;
    const last = this.#pieces.length - 1;
    const block = this.#pieces[last];
    if (block !== undefined && size <= this.#room) {
      const grown = Buffer.from(block.buffer, block.byteOffset, block.length + size);
      bytes.copy(grown, block.length, start, end);
      this.#pieces[last] = grown;
      this.#room -= size;
    } else if (size <= COPIED) {
      const capacity = block === undefined ? Math.max(FIRST_BLOCK, size) : BLOCK;
      const fresh = Buffer.allocUnsafeSlow(capacity).subarray(0, size);
      bytes.copy(fresh, 0, start, end);
      this.#pieces.push(fresh);
      this.#room = capacity - size;
    } else {
      const small = size * 2 < bytes.buffer.byteLength;
      this.#pieces.push(small ? Buffer.from(bytes.subarray(start, end)) : bytes.subarray(start, end));
      this.#room = 0;
    }
  }

  /** Takes a piece of at most so many bytes; undefined when there is none. */
  take(most: number): Buffer | undefined {
    const first = this.#pieces[0];
    if (first === undefined) return undefined;
    if (first.length > most) {
      this.#pieces[0] = first.subarray(most);
      this.length -= most;
      return first.subarray(0, most);
    }
    this.#pieces.shift();
    if (this.#pieces.length === 0) this.#room = 0;
    this.length -= first.length;
    return first;
  }

  clear(): void {
    this.#pieces.length = 0;
    this.#room = 0;
    this.length = 0;
  }
}
