/**
 * Frames that cost us more than they cost their sender, counted over a window of time against those that get something
 * done. Each limit is far above what working clients need, and far below what hurts.
 */

export const WINDOW_MS = 10_000;
/**
 * PING, SETTINGS, PRIORITY, WINDOW_UPDATE, unknown frames and empty DATA: a client that measures its bandwidth sends one or
 * two for a frame of DATA, and none without.
 */
export const MAX_NOISE = 2_000;
export const NOISE_PER_WORK = 4;
/**
 * Streams that the client reset before their response was whole (CVE-2023-44487), and those that we had to reset for what it
 * sent on them (CVE-2025-8671): a client may give up many, but not most, of its requests in ten seconds.
 */
export const MAX_RESETS = 200;
/**
 * One that was open for as long has been one of the streams that there may be at a time, which bounds what such can cost; and
 * behind a peer's proxy, whose clients share its connections, those are the timeouts of one, for which others must not pay.
 */
export const PREMATURE_MS = 100;
/** Frames that one head may be cut into (CVE-2024-27316); at 16 KiB a frame the largest head has five. */
export const MAX_CONTINUATIONS = 64;

export class FloodGuard {
  #windowEnds = 0;
  #noise = 0;
  #work = 0;
  #resets = 0;
  #streams = 0;

  /** A frame that got something done. */
  work(): void {
    this.#work++;
  }

  stream(): void {
    this.#streams++;
    this.#work++;
  }

  /** True when it is one too many. */
  noise(now: () => number): boolean {
    if (++this.#noise <= MAX_NOISE) return false;
    return this.#sweep(now) && this.#noise > MAX_NOISE + NOISE_PER_WORK * this.#work;
  }

  reset(now: () => number): boolean {
    if (++this.#resets <= MAX_RESETS) return false;
    return this.#sweep(now) && this.#resets > MAX_RESETS && this.#resets * 2 > this.#streams;
  }

  /** Looked at only when a count is high: begins a new window when the one that it was counted in is over. */
  #sweep(now: () => number): boolean {
    const at = now();
    if (at < this.#windowEnds) return true;
    this.#windowEnds = at + WINDOW_MS;
    this.#noise = 0;
    this.#work = 0;
    this.#resets = 0;
    this.#streams = 0;
    return false;
  }
}
