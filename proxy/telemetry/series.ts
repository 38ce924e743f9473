/**
 * Rows of numbers behind label sets: a row is bound once per label set and then counted into by its offset, so that
 * a request costs additions in one typed array and no lookup of text.
 */

/** Label sets kept; beyond, everything new is counted in one row whose variable labels read "other". */
export const MAX_SERIES = 4096;

export class SeriesTable {
  /** Grows by being replaced: read it anew after every `bind`. */
  values: Float64Array;
  readonly #width: number;
  readonly #rows = new Map<string, number>();
  readonly #labels: (readonly string[])[] = [];
  readonly #max: number;
  #overflowed = 0;

  constructor(width: number, max = MAX_SERIES) {
    this.#width = width;
    this.#max = max;
    this.values = new Float64Array(width * 8);
  }

  /** Label sets that had to share the row of the others. */
  get overflowed(): number {
    return this.#overflowed;
  }

  /** The offset of the label set's row; `overflow` names the row to use when the table is full. */
  bind(labels: readonly string[], overflow: readonly string[]): number {
    const key = labels.join("\u001f");
    const known = this.#rows.get(key);
    if (known !== undefined) return known;
    if (this.#labels.length >= this.#max && labels !== overflow) {
      this.#overflowed++;
      return this.bind(overflow, overflow);
    }
    const at = this.#labels.length * this.#width;
    this.#labels.push(labels);
    this.#rows.set(key, at);
    if (at + this.#width > this.values.length) {
      const grown = new Float64Array(this.values.length * 2);
      grown.set(this.values);
      this.values = grown;
    }
    return at;
  }

  /** Every row with its labels, in the order of their first use. */
  forEachRow(visit: (labels: readonly string[], at: number) => void): void {
    for (let row = 0; row < this.#labels.length; row++)
      visit(this.#labels[row] as readonly string[], row * this.#width);
  }
}
