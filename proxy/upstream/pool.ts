/**
 * What the pools of both versions of HTTP share: who waits for a connection to the endpoint, which connections are being opened
 * for them, and how long one may live that nobody uses.
 *
 * The breaker says how many may wait and how many connections there may be; what a pool has and opens counts there.
 */
import type { Breaker } from "../breaker/breaker.ts";
import type { Claimant } from "../breaker/slots.ts";
import type { DialError } from "../net/listen.ts";
import type { Socket } from "../net/socket.ts";
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

export interface PoolOptions<Limits extends PoolLimits> {
  readonly connect: Connector;
  readonly limits: Limits;
  readonly wheel: TimerWheel;
  readonly breaker: Breaker;
  /** Monotonic ms. */
  now(): number;
  dialFailed(error: DialError): void;
}

/** Monotonic ms of a connection. */
export interface Times {
  readonly openedAt: number;
  readonly idleSince: number;
}

export abstract class Pool<Limits extends PoolLimits> extends TimerEntry implements Claimant {
  /** May be replaced: what is open goes by them from then on. */
  limits: Limits;
  /** In their order, with the monotonic ms since when. */
  protected readonly waiting = new Map<Waiter, number>();
  /** Nothing is kept any more. */
  protected closed = false;
  readonly #options: PoolOptions<Limits>;
  readonly #opening = new Set<Opening>();

  constructor(options: PoolOptions<Limits>) {
    super();
    this.#options = options;
    this.limits = options.limits;
  }

  protected get breaker(): Breaker {
    return this.#options.breaker;
  }
  protected now(): number {
    return this.#options.now();
  }
  /** Connections on their way. */
  protected get opening(): number {
    return this.#opening.size;
  }

  /** Those who wait need more connections than are on their way. */
  protected abstract needsMore(): boolean;
  /** A connection that was opened is there, and counted. */
  protected abstract connected(socket: Socket): void;
  /** One could not be opened, and still counts. */
  protected abstract failed(error: DialError): void;
  /** Closes and releases the connection that has been idle for longest; false when none is idle. */
  abstract evict(): boolean;

  /** The waiter has no use for a connection any more. */
  forget(waiter: Waiter): void {
    if (this.#leave(waiter)) this.withdraw();
  }

  /** Serves who waits, and keeps nothing: idle connections close now, the others when they fall idle. */
  close(): void {
    this.closed = true;
    this.#options.wheel.disarm(this);
    while (this.evict()) {}
    this.breaker.slots.retire(this);
  }

  /** The endpoint is gone: closes, gives up what is being opened, and sends who waits elsewhere. */
  evacuate(): void {
    this.close();
    // Later: whoever removes an endpoint is in the middle of a change of configuration.
    queueMicrotask(() => this.#sendAway());
  }

  #sendAway(): void {
    const { wheel, breaker } = this.#options;
    const waiters = [...this.waiting.keys()];
    for (const waiter of waiters) this.#leave(waiter);
    this.withdraw();
    for (const opening of [...this.#opening]) {
      opening.cancel(wheel);
      this.#opening.delete(opening);
      breaker.slots.release();
    }
    for (const waiter of waiters) waiter.unavailable(REMOVED);
  }

  // Waiting.

  /** Lets the waiter wait, unless too many do: then it is told at once. */
  protected wait(waiter: Waiter): void {
    if (!this.breaker.beginWait()) {
      waiter.unavailable(OVERFLOW);
      return;
    }
    this.waiting.set(waiter, this.now());
    this.open();
  }

  /** Who is to be served next, if anyone waits. */
  protected nextWaiter(): Waiter | undefined {
    if (this.waiting.size === 0) return undefined;
    const [waiter] = this.waiting.keys();
    if (waiter === undefined) return undefined;
    this.#leave(waiter);
    this.withdraw();
    return waiter;
  }

  #leave(waiter: Waiter): boolean {
    if (!this.waiting.delete(waiter)) return false;
    this.breaker.endWait();
    return true;
  }

  // Opening.

  /** As many connections as are waited for, as far as there may be. */
  protected open(): void {
    while (this.needsMore()) {
      if (!this.claim()) return;
      this.#dial();
    }
  }

  /** Takes the place of one more connection; false: `granted` follows. */
  protected claim(): boolean {
    return this.breaker.slots.claim(this);
  }

  granted(): void {
    if (!this.needsMore()) {
      this.breaker.slots.release();
      return;
    }
    this.#dial();
    this.open();
  }

  /** Gives the place among those that want a connection back when enough are on their way. */
  protected withdraw(): void {
    if (!this.needsMore()) this.breaker.slots.withdraw(this);
  }

  #dial(): void {
    const { connect, wheel, dialFailed } = this.#options;
    const opening = new Opening();
    this.#opening.add(opening);
    opening.start(wheel, connect, this.limits.connectTimeoutMs, {
      connected: (socket) => {
        this.#opening.delete(opening);
        this.connected(socket);
      },
      failed: (error) => {
        this.#opening.delete(opening);
        dialFailed(error);
        this.failed(error);
      },
    });
  }

  /** Takes these from the queue; each is to be told. */
  protected dismiss(waiters: readonly Waiter[]): void {
    for (const waiter of waiters) this.#leave(waiter);
  }

  // Lifetimes.

  /** It takes no more requests than those that it has. */
  protected worn(requests: number, openedAt: number): boolean {
    const { maxRequestsPerConnection, maxConnectionMs } = this.limits;
    return (
      (maxRequestsPerConnection > 0 && requests >= maxRequestsPerConnection) ||
      (maxConnectionMs > 0 && openedAt + maxConnectionMs <= this.now())
    );
  }

  /** When an idle connection is to be closed. */
  protected due({ openedAt, idleSince }: Times): number {
    const { idleTimeoutMs, maxConnectionMs } = this.limits;
    const idle = idleSince + idleTimeoutMs;
    return maxConnectionMs > 0 ? Math.min(idle, openedAt + maxConnectionMs) : idle;
  }

  /** Has `expire` called when the idle connection is to be closed. */
  protected watch(times: Times): void {
    const due = this.due(times);
    if (this.slot >= 0 && this.deadline <= due) return;
    this.#options.wheel.arm(this, Math.max(1, due - this.now()));
  }
}
