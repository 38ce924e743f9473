/**
 * HTTP/1.1 connections to one endpoint that are idle, and who waits for one.
 *
 * The newest idle connection is used first, so that the others grow old and close. Who waits gets whichever comes first, a
 * connection that falls free or one that is opened for the pool. A connection that cannot be opened fails one who waits, and only
 * if nobody else's is on its way to them.
 */
import { ClientConnection } from "../http1/client-connection.ts";
import type { HeadWriter } from "../http1/head-writer.ts";
import type { ClientOwner } from "../http1/response-connection.ts";
import type { DialError } from "../net/listen.ts";
import type { Socket } from "../net/socket.ts";
import type { IdleConnections } from "./idle-connections.ts";
import { Pool, type PoolLimits, type PoolOptions } from "./pool.ts";
import type { Waiter } from "./waiter.ts";

export interface Http1Options extends PoolOptions<PoolLimits> {
  readonly writer: HeadWriter;
  /** Those of other pools among which this one's idle connections are; undefined: there may be as many as come. */
  readonly idle?: IdleConnections;
}

export class Http1Pool extends Pool<PoolLimits> implements ClientOwner {
  readonly #writer: HeadWriter;
  readonly #allIdle: IdleConnections | undefined;
  /** The one that has been idle for longest stands first. */
  readonly #idle: ClientConnection[] = [];

  constructor(options: Http1Options) {
    super(options);
    this.#writer = options.writer;
    this.#allIdle = options.idle;
  }

  get idleConnections(): number {
    return this.#idle.length;
  }

  /** An idle connection now, or undefined: then the waiter is called, later but for `OVERFLOW`, unless it is `forget`ten. */
  acquire(waiter: Waiter, fresh = false): ClientConnection | undefined {
    while (!fresh && this.#idle.length > 0) {
      const connection = this.#idle.pop() as ClientConnection;
      this.#allIdle?.removed();
      if (this.breaker.slots.exceeded) this.#retire(connection);
      else if (connection.usable) return connection;
    }
    this.wait(waiter);
    return undefined;
  }

  // What a connection tells.

  free(connection: ClientConnection): void {
    const worn = this.worn(connection.requests, connection.openedAt);
    const waiter = worn ? undefined : this.nextWaiter();
    if (waiter !== undefined) {
      waiter.acquired(connection);
      return;
    }
    const { slots } = this.breaker;
    if (worn || this.closed || slots.contended) {
      this.#retire(connection);
      this.open();
      return;
    }
    connection.idleSince = this.now();
    this.#idle.push(connection);
    slots.offer(this);
    this.watch(connection);
    this.#allIdle?.added(this);
  }

  gone(connection: ClientConnection): void {
    const at = this.#idle.indexOf(connection);
    if (at >= 0) {
      this.#idle.splice(at, 1);
      this.#allIdle?.removed();
    }
    this.breaker.slots.release();
  }

  /** It goes on counting as one of the connections until `tunnelEnded`. */
  switched(): void {}

  /** A connection that was switched to another protocol is over. */
  tunnelEnded(): void {
    this.breaker.slots.release();
  }

  // Lifetimes.

  override close(): void {
    super.close();
    this.#allIdle?.retire(this);
  }

  evict(): boolean {
    const connection = this.#idle.shift();
    if (connection === undefined) return false;
    this.#allIdle?.removed();
    this.#retire(connection);
    return true;
  }

  /** Closes idle connections whose time has come. */
  expire(now: number): void {
    for (const connection of this.#idle.splice(0)) {
      if (this.due(connection) <= now) {
        this.#allIdle?.removed();
        this.#retire(connection);
      } else {
        this.#idle.push(connection);
        this.watch(connection);
      }
    }
  }

  #retire(connection: ClientConnection): void {
    connection.close();
    this.breaker.slots.release();
  }

  // Opening.

  protected needsMore(): boolean {
    return this.opening < this.waiting.size;
  }

  protected connected(socket: Socket): void {
    const connection = new ClientConnection(socket, this, this.#writer);
    connection.openedAt = this.now();
    this.free(connection);
  }

  protected failed(error: DialError): void {
    const failing = this.#failing(error);
    this.dismiss(failing);
    this.breaker.slots.release();
    this.open();
    this.withdraw();
    for (const waiter of failing) waiter.unavailable(error);
  }

  /** The one that it was for, unless others are on their way to all; with a timeout, all who have waited that long. */
  #failing({ reason }: DialError): readonly Waiter[] {
    const failing: Waiter[] = [];
    const before =
      reason === "timeout" ? this.now() - this.limits.connectTimeoutMs : Number.NEGATIVE_INFINITY;
    for (const [waiter, since] of this.waiting) {
      const uncovered = failing.length === 0 && this.needsMore();
      if (!uncovered && since > before) break;
      failing.push(waiter);
    }
    return failing;
  }
}
