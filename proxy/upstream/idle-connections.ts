/**
 * Bounds what idle connections by TLS to endpoints hold, whosever pool they are in. A burst leaves as many as it had requests at a time,
 * and each would stay for its idle timeout, an hour by default: two bursts to different services would have to fit memory together.
 */

/** The runtime's TLS and ours together, as `test/integration/idle-connections.test.ts` prints it. */
const CONNECTION_BYTES = 27 * 1024;
/** Of the memory: the rest is for what is under way, and for the peers that call this workload. */
const SHARE = 0.25;

/** How many may be idle, by the memory that the process may have, in bytes. */
export function mostIdleConnections(memoryBytes: number): number {
  return Math.floor((memoryBytes * SHARE) / CONNECTION_BYTES);
}

/** A pool that keeps some. */
export interface IdlePool {
  /** Closes the connection that has been idle for longest; false when none is idle. */
  evict(): boolean;
}

export class IdleConnections {
  readonly #most: number;
  readonly #evicted: () => void;
  #count = 0;
  /** Those that have kept some for longest stand first; those that turn out to have none leave when they are asked. */
  readonly #pools = new Set<IdlePool>();

  /** `evicted` is told of each that makes way. */
  constructor(most: number, evicted: () => void) {
    this.#most = most;
    this.#evicted = evicted;
  }

  get count(): number {
    return this.#count;
  }

  /** The pool keeps one more; if that is one too many, another makes way. */
  added(pool: IdlePool): void {
    this.#count++;
    if (this.#most === Number.POSITIVE_INFINITY) return;
    this.#pools.add(pool);
    if (this.#count > this.#most) this.#evict();
  }

  /** One that was kept is not idle any more, or closed. */
  removed(): void {
    this.#count--;
  }

  /** The pool keeps none any more. */
  retire(pool: IdlePool): void {
    this.#pools.delete(pool);
  }

  #evict(): void {
    for (const pool of this.#pools) {
      if (pool.evict()) {
        this.#evicted();
        return;
      }
      this.#pools.delete(pool);
    }
  }
}
