/**
 * Maglev hashing (Eisenbud et al., NSDI 2016, section 3.4): every endpoint fills a table of prime size in an order of its own,
 * taking turns by weight, so that shares are even and a change moves few entries. A lookup is one array access.
 */
import { hashString } from "./hash.ts";
import type { HashTable, Member } from "./hash-table.ts";

/** The largest prime below 2^20: 4 MB a table. */
const MAX_SIZE = 1_048_573;

export class Maglev implements HashTable {
  readonly #owners: Uint32Array;

  /** A table of `size` entries, or of the next prime. */
  constructor(members: readonly Member[], size: number) {
    this.#owners = fill(members, primeFrom(Math.min(Math.max(size, members.length), MAX_SIZE)));
  }

  get slots(): number {
    return this.#owners.length;
  }

  slotOf(hash: number): number {
    return (hash % this.#owners.length) | 0;
  }

  after(slot: number): number {
    return slot + 1 === this.#owners.length ? 0 : slot + 1;
  }

  owner(slot: number): number {
    return this.#owners[slot] ?? 0;
  }
}

const EMPTY = 0xffffffff;

function fill(members: readonly Member[], size: number): Uint32Array {
  const owners = new Uint32Array(size).fill(EMPTY);
  const keys = members.map(({ address, target }) => `${address}|${target}`);
  // Every proxy fills in the same order, whatever order it knows the members in.
  const order = keys.map((_, i) => i).sort((a, b) => compare(keys[a] ?? "", keys[b] ?? ""));
  const heaviest = members.reduce((most, { weight }) => Math.max(most, weight), 0);
  const share = Float64Array.from(order, (i) => (members[i]?.weight ?? 0) / heaviest);
  const at = Uint32Array.from(order, (i) => hashString(keys[i] ?? "") % size);
  const step = Uint32Array.from(order, (i) => (hashString(keys[i] ?? "", 1) % Math.max(size - 1, 1)) + 1);
  const earned = new Float64Array(order.length);
  for (let filled = 0; ; ) {
    for (let turn = 0; turn < order.length; turn++) {
      earned[turn] = (earned[turn] ?? 0) + (share[turn] ?? 0);
      // Thirds that add up to one must not miss it by a rounding error.
      if ((earned[turn] ?? 0) < 1 - 1e-9) continue;
      earned[turn] = (earned[turn] ?? 0) - 1;
      let slot = at[turn] ?? 0;
      while (owners[slot] !== EMPTY) slot = (slot + (step[turn] ?? 1)) % size;
      owners[slot] = order[turn] ?? 0;
      at[turn] = (slot + (step[turn] ?? 1)) % size;
      if (++filled === size) return owners;
    }
  }
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** The least prime of at least `from`. Only a prime size lets every step reach every entry. */
function primeFrom(from: number): number {
  for (let size = Math.max(from | 0, 2); ; size++) if (isPrime(size)) return size;
}

function isPrime(value: number): boolean {
  for (let divisor = 2; divisor * divisor <= value; divisor++) if (value % divisor === 0) return false;
  return true;
}
