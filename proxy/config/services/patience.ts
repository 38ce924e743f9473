/** Waiting for configuration that is on its way, within a bound: what never comes must not be waited for forever. */

/** How long parts and destinations that are missing are waited for, in ms. */
export interface Patience {
  /** While older configuration serves. */
  readonly updateMs: number;
  /** While a first request waits. */
  readonly firstMs: number;
}

/** One wait; times in Unix ms, `boundMs` is how long it may last as things stand. */
export class Wait {
  #since: number | undefined;
  /** It was in vain: what is missing counts as missing until it comes. */
  #gaveUp = false;

  /** Nothing is missing, or something else than before. */
  reset(): void {
    this.#since = undefined;
    this.#gaveUp = false;
  }

  /** Something is still missing; true once that has to do. */
  goOn(now: number, boundMs: number): boolean {
    this.#since ??= now;
    this.#gaveUp = this.isOver(now, boundMs);
    return this.#gaveUp;
  }

  isOver(now: number, boundMs: number): boolean {
    return this.#gaveUp || (this.#since !== undefined && now - this.#since >= boundMs);
  }

  /** When it is over; undefined when nothing is waited for. */
  end(boundMs: number): number | undefined {
    return this.#since === undefined || this.#gaveUp ? undefined : this.#since + boundMs;
  }
}
