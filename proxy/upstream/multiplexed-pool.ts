/**
 * HTTP/2 connections to one endpoint, and who waits for a stream on one.
 *
 * The connection that is used first is the oldest with room, so that others fall idle and close. Another is opened when those
 * that there are, and are coming, have no room for all who wait. One that takes no more (GOAWAY, or as many requests or as old
 * as the policy allows) finishes what it has and is replaced when somebody needs it.
 */
import type { Upstream } from "../http/streams.ts";
import type { DialError } from "../net/listen.ts";
import type { Socket } from "../net/socket.ts";
import { Pool, type PoolLimits, type PoolOptions } from "./pool.ts";
import type { Waiter } from "./waiter.ts";

/** A connection that carries many requests at once. */
export interface Multiplexed {
  /** Begun in all. */
  readonly requests: number;
  /** Under way. */
  readonly streams: number;
  /** How many more may begin now: 0 when it takes no more at all. */
  readonly available: number;
  /** As many at a time as the peer allows; undefined before it has said so. */
  readonly allowed: number | undefined;
  /** Only while `available`. */
  open(): Upstream;
  /** Takes no more, and ends when what is under way has. */
  close(): void;
}

/** Whom a connection tells of itself. */
export interface MultiplexedOwner {
  /** A stream has ended, or the peer has said how many it allows. */
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

export interface MultiplexedOptions extends PoolOptions<MultiplexedLimits> {
  /** Speaks HTTP/2 on a new connection. */
  speak(socket: Socket, owner: MultiplexedOwner, keepAlive: PingLimits | undefined): Multiplexed;
}

/** What a connection is taken to carry before its peer has said (RFC 9113 section 6.5.2 recommends no fewer). */
const EXPECTED_STREAMS = 100;

interface Pooled {
  readonly connection: Multiplexed;
  readonly openedAt: number;
  idleSince: number;
}

export class MultiplexedPool extends Pool<MultiplexedLimits> implements MultiplexedOwner {
  readonly #speak: MultiplexedOptions["speak"];
  /** Those that take requests, the oldest first. */
  readonly #pooled: Pooled[] = [];
  /** What the endpoint allowed last on a connection: the next one begins with no more, until it has said so itself. */
  #allowed = EXPECTED_STREAMS;

  constructor(options: MultiplexedOptions) {
    super(options);
    this.#speak = options.speak;
  }

  get connections(): number {
    return this.#pooled.length;
  }

  /** A stream now, or undefined: then the waiter is called, later but for `OVERFLOW`, unless it is `forget`ten. */
  acquire(waiter: Waiter): Upstream | undefined {
    const pooled = this.#roomy();
    if (pooled !== undefined) return this.#use(pooled);
    this.wait(waiter);
    return undefined;
  }

  // What a connection tells.

  available(connection: Multiplexed): void {
    const pooled = this.#of(connection);
    if (pooled === undefined) return;
    this.#allowed = Math.min(connection.allowed ?? this.#allowed, EXPECTED_STREAMS);
    this.#serve(pooled);
    this.open();
    if (connection.streams > 0 || !this.#pooled.includes(pooled)) return;
    const { slots } = this.breaker;
    if (this.closed || slots.contended || this.#worn(pooled)) {
      this.#retire(pooled);
      return;
    }
    pooled.idleSince = this.now();
    slots.offer(this);
    this.watch(pooled);
  }

  draining(connection: Multiplexed): void {
    const pooled = this.#of(connection);
    if (pooled !== undefined) this.#drop(pooled);
    this.open();
  }

  gone(connection: Multiplexed): void {
    const pooled = this.#of(connection);
    if (pooled !== undefined) this.#drop(pooled);
    this.breaker.slots.release();
    this.open();
  }

  // Streams.

  #of(connection: Multiplexed): Pooled | undefined {
    for (const pooled of this.#pooled) if (pooled.connection === connection) return pooled;
    return undefined;
  }

  #room({ connection }: Pooled): boolean {
    const { available, allowed, streams } = connection;
    const { maxConcurrentStreams } = this.limits;
    if (allowed === undefined && streams >= this.#allowed) return false;
    return available > 0 && (maxConcurrentStreams === 0 || streams < maxConcurrentStreams);
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
    while (this.waiting.size > 0 && this.#pooled.includes(pooled) && this.#room(pooled)) {
      this.nextWaiter()?.acquired(this.#use(pooled));
    }
  }

  // Lifetimes.

  #worn({ connection, openedAt }: Pooled): boolean {
    return this.worn(connection.requests, openedAt);
  }

  evict(): boolean {
    const idle = this.#pooled.find(({ connection }) => connection.streams === 0);
    if (idle === undefined) return false;
    this.#retire(idle);
    return true;
  }

  /** Closes idle connections whose time has come. */
  expire(now: number): void {
    for (const pooled of [...this.#pooled]) {
      if (pooled.connection.streams > 0) continue;
      if (this.due(pooled) <= now) this.#retire(pooled);
      else this.watch(pooled);
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

  // Opening.

  protected needsMore(): boolean {
    const most = Math.min(this.limits.maxConcurrentStreams || EXPECTED_STREAMS, this.#allowed);
    // One that allows nothing for now would allow as little on another connection.
    if (most === 0) return this.waiting.size > 0 && this.#pooled.length + this.opening === 0;
    return this.opening * most < this.waiting.size;
  }

  protected override claim(): boolean {
    if (this.#pooled.length + this.opening > 0) return super.claim();
    // As in Envoy, one is always allowed: streams to other endpoints may never end, and requests would wait for them.
    this.breaker.slots.force();
    return true;
  }

  protected connected(socket: Socket): void {
    const connection = this.#speak(socket, this, this.limits.http2KeepAlive);
    this.#pooled.push({ connection, openedAt: this.now(), idleSince: this.now() });
    this.available(connection);
  }

  /** Nothing of what waits was sent: unless other connections are on their way, all of it goes elsewhere. */
  protected failed(error: DialError): void {
    this.breaker.slots.release();
    if (this.opening > 0 || this.#pooled.length > 0) {
      this.withdraw();
      return;
    }
    const failing = [...this.waiting.keys()];
    this.dismiss(failing);
    this.withdraw();
    for (const waiter of failing) waiter.unavailable(error);
  }
}
