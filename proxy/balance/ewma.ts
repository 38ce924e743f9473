/**
 * An estimate of an endpoint's latency that believes bad news at once and good news slowly (peak EWMA, from Finagle): a sample
 * above the estimate replaces it, a lower one is blended in by the time since the last. The estimate fades while nobody asks,
 * so that an endpoint that was slow once is tried again.
 */

/** In ms. */
const DECAY_MS = 10_000;
/** What an endpoint counts as that has a first request in flight. */
const DEFAULT_MS = 30;
/** Differences below a millisecond are noise of the machine, not a reason to prefer an endpoint. */
const FLOOR_MS = 1;
/**
 * A failure counts as an answer this many times slower than the endpoint has been, at most so many ms: an endpoint that fails
 * fast must not look like the best one. One failure is forgiven in seconds, a row of them in a minute and a half.
 */
const FAILURE_FACTOR = 10;
const FAILURE_MS = 5_000;

export class PeakEwma {
  /** 0 until the first sample. */
  #value = 0;
  #at = 0;

  /** An answer after so many ms. */
  succeeded(latencyMs: number, now: number): void {
    this.#sample(Math.max(latencyMs, FLOOR_MS), now);
  }

  failed(latencyMs: number, now: number): void {
    const slower = Math.min(FAILURE_FACTOR * (this.#value === 0 ? DEFAULT_MS : this.read(now)), FAILURE_MS);
    this.#sample(Math.max(latencyMs, slower), now);
  }

  /** Nobody waited for the answer: it would have taken at least this long. */
  abandoned(latencyMs: number, now: number): void {
    if (this.#value > 0 && latencyMs > this.read(now)) this.#sample(latencyMs, now);
  }

  /** The estimate in ms, at least 1. */
  read(now: number): number {
    if (this.#value === 0) return DEFAULT_MS;
    if (this.#value === FLOOR_MS) return FLOOR_MS;
    return Math.max(this.#value * Math.exp((this.#at - now) / DECAY_MS), FLOOR_MS);
  }

  /** What one more request costs when `load` are there: an endpoint that nobody has asked is worth asking, once. */
  cost(now: number, load: number): number {
    if (this.#value === 0 && load === 0) return 0;
    return this.read(now) * (load + 1);
  }

  #sample(latencyMs: number, now: number): void {
    const current = this.#value === 0 ? 0 : this.read(now);
    const since = Math.max(now - this.#at, 0);
    const share = latencyMs >= current ? 1 : 1 - Math.exp(-since / DECAY_MS);
    this.#value = current + (latencyMs - current) * share;
    this.#at = now;
  }
}
