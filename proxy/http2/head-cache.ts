/**
 * Heads by the blocks that they came in: a client that asks for one thing again and again sends the same few bytes once
 * both tables know its fields, and then nothing need be decoded. While no table changes, the same block is the same head;
 * streams share the object, which nobody changes.
 */
import type { Head } from "../http/head.ts";

const SLOTS = 4;
const ONCE = 16;
/** A longer block has fields that are in no table, and will hardly come again. */
const MAX_BLOCK_BYTES = 64;
/** What a connection keeps is small even when it is idle. */
const MAX_HEAD_BYTES = 1024;

interface Slot<H> {
  readonly block: Uint8Array;
  readonly head: H;
  readonly epoch: number;
}

/** Numbers for heads that come again. */
let lastSerial = 0;

export class HeadCache<H extends Head> {
  #slots: Slot<H>[] | undefined;
  #once: Int32Array | undefined;
  #next = 0;

  find(bytes: Uint8Array, start: number, end: number, epoch: number): H | undefined {
    const slots = this.#slots;
    if (slots === undefined) return undefined;
    const length = end - start;
    for (let index = 0; index < slots.length; index++) {
      const slot = slots[index] as Slot<H>;
      if (slot.epoch !== epoch || slot.block.length !== length) continue;
      const { block } = slot;
      let at = 0;
      while (at < length && block[at] === bytes[start + at]) at++;
      if (at === length) return slot.head;
    }
    return undefined;
  }

  /** Keeps the head of a block that has come a second time and left the table as it was. */
  keep(bytes: Uint8Array, start: number, end: number, epoch: number, head: H): void {
    if (end - start > MAX_BLOCK_BYTES || head.bytes.length > MAX_HEAD_BYTES) return;
    let hash = epoch;
    for (let at = start; at < end; at++) hash = (Math.imul(hash, 31) + (bytes[at] as number)) | 0;
    this.#once ??= new Int32Array(ONCE);
    const place = hash & (ONCE - 1);
    if (this.#once[place] !== hash) {
      this.#once[place] = hash;
      return;
    }
    head.serial = ++lastSerial;
    this.#slots ??= [];
    this.#slots[this.#next] = { block: Uint8Array.prototype.slice.call(bytes, start, end), head, epoch };
    this.#next = (this.#next + 1) % SLOTS;
  }
}
