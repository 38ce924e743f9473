/**
 * Gives the memory of a large read back at once. Left to the collector, which sees little of what lies outside its heap, reads
 * that were handed on long ago add up to tens of MB, and the next read goes to memory that no cache has.
 */

/** Below, the call costs more than the memory is worth. */
export const WORTH_BYTES = 16 * 1024;

/** The caller has handed all of `chunk` on, and nobody keeps a part or a view of it: it is empty from now on. */
export function freeRead(chunk: Uint8Array): void {
  const { length } = chunk;
  if (length < WORTH_BYTES) return;
  const { buffer } = chunk;
  // A view of something larger is not its owner.
  if (buffer.byteLength !== length || !(buffer instanceof ArrayBuffer)) return;
  // The new owner is empty, so that the bytes are nobody's.
  buffer.transfer(0);
}
