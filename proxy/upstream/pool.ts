/**
 * Idle HTTP/1.1 connections to one endpoint, and who waits for one.
 *
 * The newest idle connection is used first, so that the others grow old and close. A waiter gets whichever comes
 * first, a connection that falls free or the one that is dialled for it.
 */
import { ClientConnection } from "../http1/client-connection.ts";
import type { HeadWriter } from "../http1/head-writer.ts";
import type { ClientOwner } from "../http1/response-connection.ts";
import type { Dial, DialError } from "../net/listen.ts";
import type { Socket } from "../net/socket.ts";
import { TimerEntry, type TimerWheel } from "../net/timer-wheel.ts";

/** Opens connections to the endpoint; one of the two is called once unless the dial is cancelled. */
export type Connector = (connected: (socket: Socket) => void, failed: (error: DialError) => void) => Dial;

/** Someone who wants a connection; intrusive, so that waiting allocates nothing. */
export interface Waiter {
  /** The connection is the waiter's to `send` on. */
  acquired(connection: ClientConnection): void;
  /** No connection could be made; nothing was sent. */
  unavailable(error: DialError): void;
}

export interface PoolLimits {
  readonly connectTimeoutMs: number;
  readonly idleTimeoutMs: number;
  /** 0: as many requests as come. */
  readonly maxRequestsPerConnection: number;
}

export interface PoolCounters {
  connections: number;
}

export interface PoolOptions {
  readonly connect: Connector;
  readonly limits: PoolLimits;
  readonly wheel: TimerWheel;
  readonly writer: HeadWriter;
  readonly counters: PoolCounters;
  /** Monotonic ms. */
  now(): number;
  dialFailed(error: DialError): void;
}

export class Pool extends TimerEntry implements ClientOwner {
  readonly #options: PoolOptions;
  readonly #idle: ClientConnection[] = [];
  readonly #waiting: Waiter[] = [];
  #dialling = 0;
  #closed = false;

  constructor(options: PoolOptions) {
    super();
    this.#options = options;
  }

  get idleConnections(): number {
    return this.#idle.length;
  }

  /** An idle connection now, or undefined: then the waiter is called later, unless it is `forget`ten. */
  acquire(waiter: Waiter, fresh = false): ClientConnection | undefined {
    while (!fresh && this.#idle.length > 0) {
      const connection = this.#idle.pop() as ClientConnection;
      if (connection.usable) return connection;
    }
    this.#waiting.push(waiter);
    if (this.#dialling < this.#waiting.length) this.#dial();
    return undefined;
  }

  /** The waiter has no use for a connection any more. */
  forget(waiter: Waiter): void {
    const at = this.#waiting.indexOf(waiter);
    if (at >= 0) this.#waiting.splice(at, 1);
  }

  /** The endpoint is gone: closes what is idle; what is in use closes when it falls free. */
  close(): void {
    this.#closed = true;
    this.#options.wheel.disarm(this);
    for (const connection of this.#idle.splice(0)) connection.close();
  }

  free(connection: ClientConnection): void {
    const { limits } = this.#options;
    const worn =
      limits.maxRequestsPerConnection > 0 && connection.requests >= limits.maxRequestsPerConnection;
    const waiter = worn ? undefined : this.#waiting.shift();
    if (waiter !== undefined) {
      waiter.acquired(connection);
      return;
    }
    if (worn || this.#closed) {
      this.#options.counters.connections--;
      connection.close();
      if (this.#dialling < this.#waiting.length) this.#dial();
      return;
    }
    connection.idleSince = this.#options.now();
    this.#idle.push(connection);
    if (this.slot < 0) this.#options.wheel.arm(this, limits.idleTimeoutMs);
  }

  gone(connection: ClientConnection): void {
    this.#options.counters.connections--;
    const at = this.#idle.indexOf(connection);
    if (at >= 0) this.#idle.splice(at, 1);
  }

  /** Closes what has been idle for too long; the oldest stand first. */
  expire(now: number): void {
    const { limits, wheel, counters } = this.#options;
    const idle = this.#idle;
    let count = 0;
    while (count < idle.length && (idle[count] as ClientConnection).idleSince + limits.idleTimeoutMs <= now)
      count++;
    for (const connection of idle.splice(0, count)) {
      counters.connections--;
      connection.close();
    }
    const oldest = idle[0];
    if (oldest !== undefined) wheel.arm(this, Math.max(1, oldest.idleSince + limits.idleTimeoutMs - now));
  }

  #dial(): void {
    const { connect, wheel, limits, counters } = this.#options;
    this.#dialling++;
    const deadline = new ConnectDeadline(() => {
      dial.cancel();
      this.#failed({ reason: "timeout", message: `no connection within ${limits.connectTimeoutMs} ms` });
    });
    wheel.arm(deadline, limits.connectTimeoutMs);
    const dial = connect(
      (socket) => {
        wheel.disarm(deadline);
        this.#dialling--;
        counters.connections++;
        this.free(new ClientConnection(socket, this, this.#options.writer));
      },
      (error) => {
        wheel.disarm(deadline);
        this.#failed(error);
      },
    );
  }

  #failed(error: DialError): void {
    this.#dialling--;
    this.#options.dialFailed(error);
    this.#waiting.shift()?.unavailable(error);
  }
}

class ConnectDeadline extends TimerEntry {
  readonly #expired: () => void;
  constructor(expired: () => void) {
    super();
    this.#expired = expired;
  }
  expire(): void {
    this.#expired();
  }
}
