/** A decoder's dynamic table (RFC 7541 section 2.3.2): a ring of entries, newest first, that costs nothing while empty. */
import type { Entry } from "./entry.ts";

const FIRST_SLOTS = 16;

export class DynamicTable {
  /** Bytes that the entries may count together. */
  #capacity: number;
  #size = 0;
  #count = 0;
  /** Where the next entry goes; slots are a power of two. */
  #next = 0;
  #slots: (Entry | undefined)[] = NONE;
  /** Changes whenever an index comes to mean another field. */
  epoch = 0;

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  get count(): number {
    return this.#count;
  }

  /** The entry of this age: 0 is the newest. */
  get(age: number): Entry | undefined {
    if (age >= this.#count) return undefined;
    return this.#slots[(this.#next - 1 - age) & (this.#slots.length - 1)];
  }

  /** Adds an entry, pushing old ones out; one larger than the table leaves it empty (section 4.4). */
  add(entry: Entry): void {
    this.epoch++;
    while (this.#count > 0 && this.#size + entry.size > this.#capacity) this.#evict();
    if (entry.size > this.#capacity) return;
    if (this.#count === this.#slots.length) this.#grow();
    this.#slots[this.#next] = entry;
    this.#next = (this.#next + 1) & (this.#slots.length - 1);
    this.#count++;
    this.#size += entry.size;
  }

  resize(capacity: number): void {
    this.epoch++;
    this.#capacity = capacity;
    while (this.#size > capacity) this.#evict();
  }

  #evict(): void {
    const at = (this.#next - this.#count) & (this.#slots.length - 1);
    this.#size -= (this.#slots[at] as Entry).size;
    this.#slots[at] = undefined;
    this.#count--;
  }

  #grow(): void {
    const slots = new Array<Entry | undefined>(Math.max(FIRST_SLOTS, this.#slots.length * 2)).fill(undefined);
    for (let age = 0; age < this.#count; age++) slots[this.#count - 1 - age] = this.get(age);
    this.#next = this.#count;
    this.#slots = slots;
  }
}

/** Shared by every empty table, and never written. */
const NONE: (Entry | undefined)[] = [];
