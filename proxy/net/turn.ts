/**
 * The time as one socket event sees it. A request asks for the time about ten times on its way through, and reading the
 * clock shows in its profile. Within an event the clock is read once; outside of events, and after an `await`, it is the clock as
 * always.
 */
class Turn {
  #inside = false;
  /** 0 until somebody asks. */
  #at = 0;
  #dueAt = Number.POSITIVE_INFINITY;
  #everyMs = 0;
  #chore = () => {};

  begin(): void {
    this.#inside = true;
    this.#at = 0;
  }

  end(): void {
    this.#inside = false;
    if (this.#at < this.#dueAt) return;
    this.#dueAt = this.#at + this.#everyMs;
    this.#chore();
  }

  /** Monotonic ms. */
  now(): number {
    if (!this.#inside) return performance.now();
    if (this.#at === 0) this.#at = performance.now();
    return this.#at;
  }

  /** Does `chore` about every `ms` of work, after an event's own; never while nothing happens, as a timer would. */
  whileWorking(ms: number, chore: () => void): void {
    this.#everyMs = ms;
    this.#chore = chore;
    this.#dueAt = 0;
  }
}

/** The process has one loop, hence one turn at a time. */
export const TURN = new Turn();
