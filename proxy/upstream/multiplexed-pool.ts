/**
 * HTTP/2 connections to one endpoint, and who waits for a stream on one.
 *
 * The connection that is used first is the oldest with room, so that others fall idle and close. Another is opened when those
 * that there are, and are coming, have no room for all who wait. One that takes no more (GOAWAY, or as many requests or as old
 * as the policy allows) finishes what it has and is replaced when somebody needs it.
 */
import type { Breaker } from "../breaker/breaker.ts";
import type { Claimant } from "../breaker/slots.ts";
import type { Upstream } from "../http/streams.ts";
import type { DialError } from "../net/listen.ts";
import type { Socket } from "../net/socket.ts";
import { TimerEntry, type TimerWheel } from "../net/timer-wheel.ts";
import type { Connector } from "./opening.ts";
import { Opening } from "./opening.ts";
import type { PoolLimits } from "./pool.ts";
import { OVERFLOW, REMOVED, type Waiter } from "./waiter.ts";

/** A connection that carries many requests at once. */
export interface Multiplexed {
  /** Begun in all. */
  readonly requests: number;
  /** Under way. */
  readonly streams: number;
  /** How many more may begin now: 0 when it takes no more at all. */
  readonly available: number;
  /** Only while `available`. */
  open(): Upstream;
  /** Takes no more, and ends when what is under way has. */
  close(): void;
}

/** Whom a connection tells of itself. */
export interface MultiplexedOwner {
  /** A stream has ended, or the peer allows more. */
  available(connection: Multiplexed): void;
  /** It takes no more; what is under way goes on. */
  draining(connection: Multiplexed): void;
  /** It is over; once, in whatever way it ended. */
  gone(connection: Multiplexed): void;
}

export interface PingLimits {
  readonly intervalMs: number;
  readonly timeoutMs: number;
}

export interface MultiplexedLimits extends PoolLimits {
  /** Of one connection; 0: as many as the peer allows. */
  readonly maxConcurrentStreams: number;
  /** Which PINGs tell that a connection is dead; undefined: none. */
  readonly http2KeepAlive: PingLimits | undefined;
}

export interface MultiplexedOptions {
  readonly connect: Connector;
  readonly limits: MultiplexedLimits;
  readonly wheel: TimerWheel;
  readonly breaker: Breaker;
  /** Speaks HTTP/2 on a new connection. */
  speak(socket: Socket, owner: MultiplexedOwner, keepAlive: PingLimits | undefined): Multiplexed;
  /** Monotonic ms. */
  now(): number;
  dialFailed(error: DialError): void;
}

/** What a connection is taken to carry before its peer has said (RFC 9113 section 6.5.2 recommends no fewer). */
const EXPECTED_STREAMS = 100;

interface Pooled {
  readonly connection: Multiplexed;
  readonly openedAt: number;
  idleSince: number;
}

export class MultiplexedPool extends TimerEntry implements MultiplexedOwner, Claimant {
  /** May be replaced: what is open goes by them from then on. */
  limits: MultiplexedLimits;
  readonly #options: MultiplexedOptions;
  /** Those that take requests, the oldest first. */
  readonly #pooled: Pooled[] = [];
  /** In their order. */
  readonly #waiting = new Set<Waiter>();
  readonly #opening = new Set<Opening>();
  #closed = false;

  constructor(options: MultiplexedOptions) {
    super();
    this.#options = options;
    this.limits = options.limits;
  }

  get connections(): number {
    return this.#pooled.length;
  }

  /** A stream now, or undefined: then the waiter is called, later but for `OVERFLOW`, unless it is `forget`ten. */
  acquire(waiter: Waiter): Upstream | undefined {
    const pooled = this.#roomy();
    if (pooled !== undefined) return this.#use(pooled);
    if (!this.#options.breaker.beginWait()) {
      waiter.unavailable(OVERFLOW);
      return undefined;
    }
    this.#waiting.add(waiter);
    this.#open();
    return undefined;
  }

  /** The waiter has no use for a stream any more. */
  forget(waiter: Waiter): void {
    if (this.#leave(waiter)) this.#withdraw();
  }

  /** Serves who waits, and keeps nothing: idle connections close now, the others when they fall idle. */
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
    const waiters = [...this.#waiting];
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

  available(connection: Multiplexed): void {
    const pooled = this.#of(connection);
    if (pooled === undefined) return;
    this.#serve(pooled);
    this.#open();
    if (connection.streams > 0 || !this.#pooled.includes(pooled)) return;
    const { breaker, now } = this.#options;
    if (this.#closed || breaker.slots.contended || this.#worn(pooled)) {
      this.#retire(pooled);
      return;
    }
    pooled.idleSince = now();
    breaker.slots.offer(this);
    this.#watch(pooled);
  }

  draining(connection: Multiplexed): void {
    const pooled = this.#of(connection);
    if (pooled !== undefined) this.#drop(pooled);
    this.#open();
  }

  gone(connection: Multiplexed): void {
    const pooled = this.#of(connection);
    if (pooled !== undefined) this.#drop(pooled);
    this.#options.breaker.slots.release();
    this.#open();
  }

  // What the breaker tells.

  granted(): void {
    if (!this.#needsMore()) {
      this.#options.breaker.slots.release();
      return;
    }
    this.#dial();
    this.#open();
  }

  evict(): boolean {
    const idle = this.#pooled.find(({ connection }) => connection.streams === 0);
    if (idle === undefined) return false;
    this.#retire(idle);
    return true;
  }

  // Streams.

  #of(connection: Multiplexed): Pooled | undefined {
    return this.#pooled.find((each) => each.connection === connection);
  }

  #room({ connection }: Pooled): boolean {
    const { maxConcurrentStreams } = this.limits;
    return (
      connection.available > 0 && (maxConcurrentStreams === 0 || connection.streams < maxConcurrentStreams)
    );
  }

  #roomy(): Pooled | undefined {
    for (let at = 0; at < this.#pooled.length; ) {
      const pooled = this.#pooled[at] as Pooled;
      if (this.#worn(pooled)) {
        this.#retire(pooled);
        continue;
      }
      if (this.#room(pooled)) return pooled;
      at++;
    }
    return undefined;
  }

  #use(pooled: Pooled): Upstream {
    const upstream = pooled.connection.open();
    if (this.#worn(pooled)) this.#retire(pooled);
    return upstream;
  }

  #serve(pooled: Pooled): void {
    while (this.#waiting.size > 0 && this.#pooled.includes(pooled) && this.#room(pooled)) {
      const [waiter] = this.#waiting;
      if (waiter === undefined) return;
      this.#leave(waiter);
      this.#withdraw();
      waiter.acquired(this.#use(pooled));
    }
  }

  // Lifetimes.

  #worn({ connection, openedAt }: Pooled): boolean {
    const { maxRequestsPerConnection: requests, maxConnectionMs } = this.limits;
    return (
      (requests > 0 && connection.requests >= requests) ||
      (maxConnectionMs > 0 && openedAt + maxConnectionMs <= this.#options.now())
    );
  }

  /** When an idle connection is to be closed. */
  #due({ openedAt, idleSince }: Pooled): number {
    const { idleTimeoutMs, maxConnectionMs } = this.limits;
    const idle = idleSince + idleTimeoutMs;
    return maxConnectionMs > 0 ? Math.min(idle, openedAt + maxConnectionMs) : idle;
  }

  #watch(pooled: Pooled): void {
    const due = this.#due(pooled);
    if (this.slot >= 0 && this.deadline <= due) return;
    const { wheel, now } = this.#options;
    wheel.arm(this, Math.max(1, due - now()));
  }

  /** Closes idle connections whose time has come. */
  expire(now: number): void {
    for (const pooled of [...this.#pooled]) {
      if (pooled.connection.streams > 0) continue;
      if (this.#due(pooled) <= now) this.#retire(pooled);
      else this.#watch(pooled);
    }
  }

  #retire(pooled: Pooled): void {
    this.#drop(pooled);
    pooled.connection.close();
  }

  #drop(pooled: Pooled): void {
    const at = this.#pooled.indexOf(pooled);
    if (at >= 0) this.#pooled.splice(at, 1);
  }

  // Waiting and opening.

  #leave(waiter: Waiter): boolean {
    if (!this.#waiting.delete(waiter)) return false;
    this.#options.breaker.endWait();
    return true;
  }

  #needsMore(): boolean {
    const most = this.limits.maxConcurrentStreams || EXPECTED_STREAMS;
    return this.#opening.size * most < this.#waiting.size;
  }

  /** As many connections as are waited for, as far as there may be. */
  #open(): void {
    const { slots } = this.#options.breaker;
    while (this.#needsMore()) {
      // As in Envoy, one is always allowed: streams to other endpoints may never end, and requests would wait for them.
      if (this.#pooled.length + this.#opening.size === 0) slots.force();
      else if (!slots.claim(this)) return;
      this.#dial();
    }
  }

  /** Gives the place among those that want a connection back when enough are on their way. */
  #withdraw(): void {
    if (!this.#needsMore()) this.#options.breaker.slots.withdraw(this);
  }

  #dial(): void {
    const { connect, wheel, speak, now } = this.#options;
    const opening = new Opening();
    this.#opening.add(opening);
    opening.start(wheel, connect, this.limits.connectTimeoutMs, {
      connected: (socket) => {
        this.#opening.delete(opening);
        const connection = speak(socket, this, this.limits.http2KeepAlive);
        const pooled = { connection, openedAt: now(), idleSince: now() };
        this.#pooled.push(pooled);
        this.available(connection);
      },
      failed: (error) => this.#failed(opening, error),
    });
  }

  /** Nothing of what waits was sent: unless other connections are on their way, all of it goes elsewhere. */
  #failed(opening: Opening, error: DialError): void {
    const { breaker, dialFailed } = this.#options;
    this.#opening.delete(opening);
    dialFailed(error);
    breaker.slots.release();
    if (this.#opening.size > 0 || this.#pooled.length > 0) {
      this.#withdraw();
      return;
    }
    const failing = [...this.#waiting];
    for (const waiter of failing) this.#leave(waiter);
    this.#withdraw();
    for (const waiter of failing) waiter.unavailable(error);
  }
}
