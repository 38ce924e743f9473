/**
 * Connections of one cluster, of which there are only so many: who may open one, and who waits for its turn.
 *
 * The limit holds across all endpoints of the cluster, so that a connection which is idle on one endpoint must not keep
 * requests for another waiting: it is closed for them. Pools that want a connection are served in turn.
 * Invariant: while someone waits, no connection of the cluster is idle.
 */

/** A pool of connections to one endpoint. */
export interface Claimant {
  /** A connection may be opened: it is counted already, so open one or `release` it. */
  granted(): void;
  /** Closes and releases the connection that has been idle for longest; false when none is idle. */
  evict(): boolean;
}

/** The one number that outlives the slots: `ClusterCounters`. */
export interface ConnectionCount {
  connections: number;
}

export class Slots {
  readonly #count: ConnectionCount;
  readonly #waiting = new Set<Claimant>();
  /** May have idle connections; those that turn out to have none leave when they are asked. */
  readonly #idle = new Set<Claimant>();
  #limit: number;

  constructor(count: ConnectionCount, limit: number) {
    this.#count = count;
    this.#limit = limit;
  }

  /** There are more than there may be: the limit has been lowered. */
  get exceeded(): boolean {
    return this.#count.connections > this.#limit;
  }

  /** Someone waits, or there are more than there may be now: nothing stays idle. */
  get contended(): boolean {
    return this.#waiting.size > 0 || this.exceeded;
  }

  set limit(limit: number) {
    this.#limit = limit;
    this.#grant();
  }

  /** True: open one, it is counted. False: `granted` follows when there is room, unless the claim is withdrawn. */
  claim(claimant: Claimant): boolean {
    if (!this.#waiting.has(claimant) && this.take()) return true;
    this.#waiting.add(claimant);
    return false;
  }

  withdraw(claimant: Claimant): void {
    this.#waiting.delete(claimant);
  }

  /** Now or not at all. */
  take(): boolean {
    if (this.#waiting.size > 0) return false;
    if (this.#count.connections >= this.#limit && !this.#evict()) return false;
    this.#count.connections++;
    return true;
  }

  /** Beyond the limit, if need be: for those that would wait for nothing that ends. */
  force(): void {
    if (!this.take()) this.#count.connections++;
  }

  /** A connection is closed, or was not opened. */
  release(): void {
    this.#count.connections--;
    this.#grant();
  }

  /** The pool has an idle connection. */
  offer(claimant: Claimant): void {
    if (this.#limit !== Number.POSITIVE_INFINITY) this.#idle.add(claimant);
  }

  /** The pool has no idle connection, nor will it have any. */
  retire(claimant: Claimant): void {
    this.#idle.delete(claimant);
  }

  #evict(): boolean {
    for (const each of this.#idle) {
      // One may not do: the limit may have been lowered.
      while (this.#count.connections >= this.#limit && each.evict()) {}
      if (this.#count.connections < this.#limit) return true;
      this.#idle.delete(each);
    }
    return false;
  }

  #grant(): void {
    while (this.#waiting.size > 0 && this.#count.connections < this.#limit) {
      const [next] = this.#waiting;
      if (next === undefined) return;
      this.#waiting.delete(next);
      this.#count.connections++;
      next.granted();
    }
  }
}
