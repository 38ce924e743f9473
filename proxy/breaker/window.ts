/** How many things happened within the last so many milliseconds, to a tenth of it. Pure. */

const BUCKETS = 10;

export class Window {
  readonly #bucketMs: number;
  readonly #counts = new Float64Array(BUCKETS);
  /** The number of the newest bucket since the clock's beginning. */
  #newest = 0;
  #sum = 0;

  constructor(intervalMs: number) {
    this.#bucketMs = Math.max(1, intervalMs / BUCKETS);
  }

  add(now: number): void {
    this.#turn(now);
    const at = this.#newest % BUCKETS;
    this.#counts[at] = (this.#counts[at] as number) + 1;
    this.#sum++;
  }

  count(now: number): number {
    this.#turn(now);
    return this.#sum;
  }

  /** Empties the buckets that time has passed. */
  #turn(now: number): void {
    const newest = Math.floor(now / this.#bucketMs);
    const passed = Math.min(newest - this.#newest, BUCKETS);
    for (let step = 1; step <= passed; step++) {
      const at = (newest - passed + step) % BUCKETS;
      this.#sum -= this.#counts[at] as number;
      this.#counts[at] = 0;
    }
    if (newest > this.#newest) this.#newest = newest;
  }
}
