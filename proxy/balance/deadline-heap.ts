/**
 * Earliest deadline first: a binary heap in two typed arrays. An endpoint that is postponed by 1/weight at each turn gets turns
 * in proportion to weight, spread evenly, in logarithmic time however many there are.
 */
export class DeadlineHeap {
  readonly #deadlines: Float64Array;
  /** Indices, earliest deadline at the root. */
  readonly #heap: Uint32Array;

  constructor(count: number, deadline: (index: number) => number) {
    this.#deadlines = Float64Array.from({ length: count }, (_, i) => deadline(i));
    this.#heap = Uint32Array.from({ length: count }, (_, i) => i);
    for (let at = (count >> 1) - 1; at >= 0; at--) this.#sink(at);
  }

  /** The index whose deadline comes first; of equal ones, the lowest. */
  get first(): number {
    return this.#heap[0] ?? 0;
  }

  /** How long after the first one's an index's deadline comes. */
  ahead(index: number): number {
    return (this.#deadlines[index] ?? 0) - (this.#deadlines[this.first] ?? 0);
  }

  /** Moves the first one's deadline. */
  postpone(by: number): void {
    const { first } = this;
    this.#deadlines[first] = (this.#deadlines[first] ?? 0) + by;
    this.#sink(0);
  }

  #sink(from: number): void {
    const heap = this.#heap;
    const moved = heap[from] ?? 0;
    let at = from;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && this.#precedes(heap[child + 1] ?? 0, heap[child] ?? 0)) child++;
      if (!this.#precedes(heap[child] ?? 0, moved)) break;
      heap[at] = heap[child] ?? 0;
      at = child;
    }
    heap[at] = moved;
  }

  #precedes(a: number, b: number): boolean {
    const first = this.#deadlines[a] ?? 0;
    const second = this.#deadlines[b] ?? 0;
    return first < second || (first === second && a < b);
  }
}
