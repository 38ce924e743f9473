/**
 * What one client may have under way to one cluster at a time (Envoy's circuit breakers): connections, requests, requests
 * that wait, retries. Refuses at once what goes beyond; nothing here waits but for connections, in `Slots`.
 */
import type { ConnectionPool } from "../config/view.ts";
import { type Limits, limitsOf, type RetryBudget } from "./limits.ts";
import { Slots } from "./slots.ts";
import { Window } from "./window.ts";

/** What is under way; `ClusterCounters` are these, and live as long as the process. */
export interface InFlight {
  requests: number;
  pending: number;
  connections: number;
  retries: number;
}

/** Which limit refused: the label of `weft_overflows_total`. */
export type Limit = "connections" | "pending" | "requests" | "retries";

export class Breaker {
  readonly slots: Slots;
  readonly #counts: InFlight;
  #pool: ConnectionPool | undefined;
  #limits: Limits;
  #ended: Ended | undefined;

  constructor(counts: InFlight, pool: ConnectionPool | undefined) {
    this.#counts = counts;
    this.#pool = pool;
    this.#limits = limitsOf(pool);
    this.#ended = endedWithin(this.#limits);
    this.slots = new Slots(counts, this.#limits.connections);
  }

  /** The limits that hold from now on; cheap when they are those that hold. */
  apply(pool: ConnectionPool | undefined): void {
    if (pool === this.#pool) return;
    const limits = limitsOf(pool);
    if (intervalOf(limits) !== intervalOf(this.#limits)) this.#ended = endedWithin(limits);
    this.#pool = pool;
    this.#limits = limits;
    this.slots.limit = this.#limits.connections;
  }

  /** True: the request counts as under way until `endRequest`. */
  beginRequest(): boolean {
    if (this.#counts.requests >= this.#limits.requests) return false;
    this.#counts.requests++;
    return true;
  }

  endRequest(now: number): void {
    this.#counts.requests--;
    this.#ended?.requests.add(now);
  }

  /** True: the request counts as waiting for a connection until `endWait`. */
  beginWait(): boolean {
    if (this.#counts.pending >= this.#limits.pending) return false;
    this.#counts.pending++;
    return true;
  }

  endWait(): void {
    this.#counts.pending--;
  }

  /** True: the request's next try, its back-off included, counts as a retry under way until `endRetry`. */
  beginRetry(now: number): boolean {
    const { retries } = this.#limits;
    const underWay = this.#counts.retries + (this.#ended?.retries.count(now) ?? 0);
    if (underWay >= ("most" in retries ? retries.most : this.#budget(retries, now))) return false;
    this.#counts.retries++;
    return true;
  }

  endRetry(now: number): void {
    this.#counts.retries--;
    this.#ended?.retries.add(now);
  }

  #budget({ percent, least }: RetryBudget, now: number): number {
    const requests = this.#counts.requests + (this.#ended?.requests.count(now) ?? 0);
    return Math.max(least, (requests * percent) / 100);
  }
}

/** What ended a moment ago, for a budget that looks back. */
interface Ended {
  readonly requests: Window;
  readonly retries: Window;
}

function intervalOf({ retries }: Limits): number {
  return "most" in retries ? 0 : retries.intervalMs;
}

function endedWithin(limits: Limits): Ended | undefined {
  const intervalMs = intervalOf(limits);
  if (intervalMs === 0) return undefined;
  return { requests: new Window(intervalMs), retries: new Window(intervalMs) };
}
