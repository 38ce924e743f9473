/**
 * Memory for bytes that wait, which is used again: what waits outlives the collector's young generation, and would lie around as
 * garbage many times its size.
 */

export const BLOCK_BYTES = 8 * 1024;
/** Free blocks that are kept; 4 MiB. */
const MAX_FREE = 512;

export class Blocks {
  readonly #free: Uint8Array<ArrayBuffer>[] = [];

  take(): Uint8Array<ArrayBuffer> {
    return this.#free.pop() ?? new Uint8Array(BLOCK_BYTES);
  }

  /** Takes back the block that `bytes` is a part of, if it is one. */
  give(bytes: Uint8Array): void {
    const { buffer } = bytes;
    if (buffer.byteLength !== BLOCK_BYTES || this.#free.length >= MAX_FREE) return;
    this.#free.push(new Uint8Array(buffer as ArrayBuffer));
  }
}
