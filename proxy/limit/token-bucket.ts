/**
 * A token bucket without a timer: what a bucket would hold follows from one number (the generic cell rate algorithm, ITU-T I.371
 * annex A: the theoretical arrival time of the next request in a stream that keeps exactly to the rate).
 *
 * A full bucket holds `maxTokens`; `tokensPerFill` come in evenly over each `fillIntervalMs`. Time is counted in units of
 * 1/tokensPerFill ms, in which a token takes a whole number of units: nothing is rounded, so that nothing drifts.
 */

export interface Rate {
  readonly maxTokens: number;
  readonly tokensPerFill: number;
  readonly fillIntervalMs: number;
}

export class TokenBucket {
  /** When the bucket is full again, in units. */
  #fullAt = Number.NEGATIVE_INFINITY;

  /** Whether a token is there at `now`, in monotonic ms. */
  has(rate: Rate, now: number): boolean {
    return this.#fullAt - now * rate.tokensPerFill <= (rate.maxTokens - 1) * rate.fillIntervalMs;
  }

  /** Takes a token that is there. */
  take(rate: Rate, now: number): void {
    const units = now * rate.tokensPerFill;
    this.#fullAt = (this.#fullAt > units ? this.#fullAt : units) + rate.fillIntervalMs;
  }

  /** Whole tokens left. */
  remaining(rate: Rate, now: number): number {
    const missing = Math.max(0, this.#fullAt - now * rate.tokensPerFill) / rate.fillIntervalMs;
    return Math.max(0, Math.floor(rate.maxTokens - missing));
  }

  /** Milliseconds until the bucket is full. */
  fullInMs(rate: Rate, now: number): number {
    return Math.max(0, this.#fullAt / rate.tokensPerFill - now);
  }
}
