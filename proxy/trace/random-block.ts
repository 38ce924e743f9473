/** Random bytes in small amounts: the system is asked for a block at a time, which costs less than asking for each id. */

/** A hundred requests' worth. */
const BLOCK_BYTES = 4096;
const NONE = new Uint8Array(0);

export class RandomBlock {
  /** The block that `take` points into. */
  bytes: Uint8Array<ArrayBuffer> = NONE;
  readonly #fill: (block: Uint8Array<ArrayBuffer>) => void;
  #next = 0;

  /** `fill` makes every byte of a block anew. */
  constructor(fill: (block: Uint8Array<ArrayBuffer>) => void) {
    this.#fill = fill;
  }

  /** Where in `bytes` so many stand, at most a block's, that nobody has been given: valid until the next call. */
  take(count: number): number {
    if (this.#next + count > this.bytes.length) this.#refill();
    const at = this.#next;
    this.#next = at + count;
    return at;
  }

  #refill(): void {
    // A proxy that nobody calls needs none.
    if (this.bytes === NONE) this.bytes = new Uint8Array(BLOCK_BYTES);
    this.#fill(this.bytes);
    this.#next = 0;
  }
}

/** The process's own. */
export const RANDOM = new RandomBlock((block) => crypto.getRandomValues(block));
