/**
 * HTTP/1.1 connections to one endpoint that are idle, and who waits for one.
 *
 * The newest idle connection is used first, so that the others grow old and close. Who waits gets whichever comes first, a
 * connection that falls free or one that is opened for the pool; the breaker says how many may wait and how many connections
 * there may be. A connection that cannot be opened fails one who waits, and only if nobody else's is on its way to them.
 */
import type { Breaker } from "../breaker/breaker.ts";
import type { Claimant } from "../breaker/slots.ts";
import { ClientConnection } from "../http1/client-connection.ts";
import type { HeadWriter } from "../http1/head-writer.ts";
import type { ClientOwner } from "../http1/response-connection.ts";
import type { DialError } from "../net/listen.ts";
import { TimerEntry, type TimerWheel } from "../net/timer-wheel.ts";
import { type Connector, Opening } from "./opening.ts";
import { OVERFLOW, REMOVED, type Waiter } from "./waiter.ts";

export interface PoolLimits {
  readonly connectTimeoutMs: number;
  readonly idleTimeoutMs: number;
  /** 0: as many requests as come. */
  readonly maxRequestsPerConnection: number;
  /** From its opening; it serves its last request to the end. 0: as long as it lives. */
  readonly maxConnectionMs: number;
}

export interface PoolOptions {
  readonly connect: Connector;
  readonly limits: PoolLimits;
  readonly wheel: TimerWheel;
  readonly writer: HeadWriter;
  readonly breaker: Breaker;
  /** Monotonic ms. */
  now(): number;
  dialFailed(error: DialError): void;
}

export class Pool extends TimerEntry implements ClientOwner, Claimant {
  /** May be replaced: what is open goes by them from then on. */
  limits: PoolLimits;
  readonly #options: PoolOptions;
  /** The one that has been idle for longest stands first. */
  readonly #idle: ClientConnection[] = [];
  /** In their order, with the monotonic ms since when. */
  readonly #waiting = new Map<Waiter, number>();
  readonly #opening = new Set<Opening>();
  #closed = false;

  constructor(options: PoolOptions) {
    super();
    this.#options = options;
    this.limits = options.limits;
  }

  get idleConnections(): number {
    return this.#idle.length;
  }

  /** An idle connection now, or undefined: then the waiter is called, later but for `OVERFLOW`, unless it is `forget`ten. */
  acquire(waiter: Waiter, fresh = false): ClientConnection | undefined {
    const { breaker, now } = this.#options;
    while (!fresh && this.#idle.length > 0) {
      const connection = this.#idle.pop() as ClientConnection;
      if (connection.usable) return connection;
    }
    if (!breaker.beginWait()) {
      waiter.unavailable(OVERFLOW);
      return undefined;
    }
    this.#waiting.set(waiter, now());
    this.#open();
    return undefined;
  }

  /** The waiter has no use for a connection any more. */
  forget(waiter: Waiter): void {
    if (this.#leave(waiter)) this.#withdraw();
  }

  /** Serves who waits, and keeps nothing: idle connections close now, the others when they fall free. */
  close(): void {
    this.#closed = true;
    this.#options.wheel.disarm(this);
    while (this.evict()) {}
  }

  /** The endpoint is gone: closes, gives up what is being opened, and sends who waits elsewhere. */
  evacuate(): void {
    this.close();
    // Later: whoever removes an endpoint is in the middle of a change of configuration.
    queueMicrotask(() => this.#sendAway());
  }

  #sendAway(): void {
    const { wheel, breaker } = this.#options;
    const waiters = [...this.#waiting.keys()];
    for (const waiter of waiters) this.#leave(waiter);
    this.#withdraw();
    for (const opening of [...this.#opening]) {
      opening.cancel(wheel);
      this.#opening.delete(opening);
      breaker.slots.release();
    }
    for (const waiter of waiters) waiter.unavailable(REMOVED);
  }

  // What a connection tells.

  free(connection: ClientConnection): void {
    const { breaker, now } = this.#options;
    const worn = this.#worn(connection, now());
    const waiter = worn ? undefined : this.#next();
    if (waiter !== undefined) {
      waiter.acquired(connection);
      return;
    }
    if (worn || this.#closed || breaker.slots.contended) {
      this.#retire(connection);
      this.#open();
      return;
    }
    connection.idleSince = now();
    this.#idle.push(connection);
    breaker.slots.offer(this);
    this.#watch(connection);
  }

  gone(connection: ClientConnection): void {
    const at = this.#idle.indexOf(connection);
    if (at >= 0) this.#idle.splice(at, 1);
    this.#options.breaker.slots.release();
  }

  /** It goes on counting as one of the connections until `tunnelEnded`. */
  switched(): void {}

  /** A connection that was switched to another protocol is over. */
  tunnelEnded(): void {
    this.#options.breaker.slots.release();
  }

  // What the breaker tells.

  granted(): void {
    if (this.#opening.size >= this.#waiting.size) {
      this.#options.breaker.slots.release();
      return;
    }
    this.#dial();
    this.#open();
  }

  evict(): boolean {
    const connection = this.#idle.shift();
    if (connection === undefined) return false;
    this.#retire(connection);
    return true;
  }

  // Lifetimes.

  #worn(connection: ClientConnection, now: number): boolean {
    const { maxRequestsPerConnection: requests, maxConnectionMs } = this.limits;
    return (
      (requests > 0 && connection.requests >= requests) ||
      (maxConnectionMs > 0 && connection.openedAt + maxConnectionMs <= now)
    );
  }

  /** When an idle connection is to be closed. */
  #due(connection: ClientConnection): number {
    const { idleTimeoutMs, maxConnectionMs } = this.limits;
    const idle = connection.idleSince + idleTimeoutMs;
    return maxConnectionMs > 0 ? Math.min(idle, connection.openedAt + maxConnectionMs) : idle;
  }

  #watch(connection: ClientConnection): void {
    const due = this.#due(connection);
    if (this.slot >= 0 && this.deadline <= due) return;
    const { wheel, now } = this.#options;
    wheel.arm(this, Math.max(1, due - now()));
  }

  /** Closes idle connections whose time has come. */
  expire(now: number): void {
    for (const connection of this.#idle.splice(0)) {
      if (this.#due(connection) <= now) this.#retire(connection);
      else {
        this.#idle.push(connection);
        this.#watch(connection);
      }
    }
  }

  #retire(connection: ClientConnection): void {
    connection.close();
    this.#options.breaker.slots.release();
  }

  // Waiting and opening.

  /** Who is to be served next, if anyone waits. */
  #next(): Waiter | undefined {
    if (this.#waiting.size === 0) return undefined;
    const [waiter] = this.#waiting.keys();
    if (waiter === undefined) return undefined;
    this.#leave(waiter);
    this.#withdraw();
    return waiter;
  }

  #leave(waiter: Waiter): boolean {
    if (!this.#waiting.delete(waiter)) return false;
    this.#options.breaker.endWait();
    return true;
  }

  /** As many connections as are waited for, as far as there may be. */
  #open(): void {
    const { slots } = this.#options.breaker;
    while (this.#opening.size < this.#waiting.size) {
      if (!slots.claim(this)) return;
      this.#dial();
    }
  }

  /** Gives the place among those that want a connection back when enough are on their way. */
  #withdraw(): void {
    if (this.#opening.size >= this.#waiting.size) this.#options.breaker.slots.withdraw(this);
  }

  #dial(): void {
    const { connect, wheel, writer, now } = this.#options;
    const opening = new Opening();
    this.#opening.add(opening);
    opening.start(wheel, connect, this.limits.connectTimeoutMs, {
      connected: (socket) => {
        this.#opening.delete(opening);
        const connection = new ClientConnection(socket, this, writer);
        connection.openedAt = now();
        this.free(connection);
      },
      failed: (error) => this.#failed(opening, error),
    });
  }

  #failed(opening: Opening, error: DialError): void {
    const { breaker, dialFailed } = this.#options;
    this.#opening.delete(opening);
    dialFailed(error);
    const failing = this.#failing(error);
    for (const waiter of failing) this.#leave(waiter);
    breaker.slots.release();
    this.#open();
    this.#withdraw();
    for (const waiter of failing) waiter.unavailable(error);
  }

  /** The one that it was for, unless others are on their way to all; with a timeout, all who have waited that long. */
  #failing({ reason }: DialError): readonly Waiter[] {
    const { now } = this.#options;
    const failing: Waiter[] = [];
    const before = reason === "timeout" ? now() - this.limits.connectTimeoutMs : Number.NEGATIVE_INFINITY;
    for (const [waiter, since] of this.#waiting) {
      const uncovered = failing.length === 0 && this.#waiting.size > this.#opening.size;
      if (!uncovered && since > before) break;
      failing.push(waiter);
    }
    return failing;
  }
}
