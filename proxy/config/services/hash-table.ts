/** Items found by the hash of a string, in numbers alone: nothing is kept of the strings. */
import { skipValue } from "../decode/raw-json.ts";

/** Whole numbers, none above the greatest, in as few bytes as that takes. */
export type Numbers = Uint16Array | Uint32Array;

export function numbersUpTo(greatest: number, count: number): Numbers {
  return greatest > 0xffff ? new Uint32Array(count) : new Uint16Array(count);
}

/** Open addressing over 32-bit hashes: some 9 bytes an item. The caller confirms, since hashes may collide. */
export class HashTable {
  /** Item + 1; 0 is free. */
  readonly #slots: Numbers;
  readonly #hashes: Uint32Array;

  constructor(hashes: readonly number[]) {
    this.#hashes = Uint32Array.from(hashes);
    const size = 2 ** Math.ceil(Math.log2(Math.max(hashes.length * 1.5, 2)));
    this.#slots = numbersUpTo(hashes.length, size);
    for (let i = 0; i < hashes.length; i++) {
      let slot = (hashes[i] ?? 0) & (size - 1);
      while (this.#slots[slot] !== 0) slot = (slot + 1) & (size - 1);
      this.#slots[slot] = i + 1;
    }
  }

  find<T>(hashed: number, confirm: (item: number) => T | undefined): T | undefined {
    const mask = this.#slots.length - 1;
    for (let slot = hashed & mask; ; slot = (slot + 1) & mask) {
      const item = (this.#slots[slot] ?? 0) - 1;
      if (item < 0) return undefined;
      if (this.#hashes[item] !== hashed) continue;
      const found = confirm(item);
      if (found !== undefined) return found;
    }
  }
}

/** FNV-1a, with a last mixing step since tables take the low bits. */
export function hash(value: string): number {
  let h = fnvBasis;
  for (let i = 0; i < value.length; i++) h = Math.imul(h ^ value.charCodeAt(i), fnvPrime);
  return mix(h);
}

/** The hash of the JSON string at `at`: names and addresses are ASCII without escapes. 0 where there is none. */
export function hashString(bytes: Uint8Array, at: number): number {
  if (at < 0 || bytes[at] !== 0x22) return 0;
  let h = fnvBasis;
  const end = skipValue(bytes, at) - 1;
  for (let i = at + 1; i < end; i++) h = Math.imul(h ^ (bytes[i] ?? 0), fnvPrime);
  return mix(h);
}

/** The hashes of the strings in the list at `at`. */
export function eachString(bytes: Uint8Array, at: number, visit: (hashed: number) => void): void {
  if (at < 0 || bytes[at] !== 0x5b) return;
  const end = skipValue(bytes, at);
  for (let i = at + 1; i < end; ) {
    if (bytes[i] !== 0x22) {
      i++;
      continue;
    }
    visit(hashString(bytes, i));
    i = skipValue(bytes, i);
  }
}

const fnvBasis = 0x811c9dc5;
const fnvPrime = 0x01000193;

function mix(h: number): number {
  return Math.imul(h ^ (h >>> 15), 0x2c1b3c6d) >>> 0;
}
