/** Connections of either version of HTTP to one endpoint; each version's pool exists once somebody asks for it. */
import type { Upstream, Version } from "../http/streams.ts";
import type { Socket } from "../net/socket.ts";
import { type Http1Options, Http1Pool } from "./http1-pool.ts";
import {
  type Multiplexed,
  type MultiplexedLimits,
  type MultiplexedOwner,
  MultiplexedPool,
  type PingLimits,
} from "./multiplexed-pool.ts";
import type { Connector } from "./opening.ts";
import type { Waiter } from "./waiter.ts";

export interface VersionedOptions extends Omit<Http1Options, "connect" | "limits"> {
  readonly limits: MultiplexedLimits;
  /** What opens connections that speak the version. */
  connector(version: Version): Connector;
  /** The connector of HTTP/2's connections, which dials only once that can be spoken. */
  prepare(connect: Connector): Connector;
  /** Speaks HTTP/2 on a new connection. */
  speak(socket: Socket, owner: MultiplexedOwner, keepAlive: PingLimits | undefined): Multiplexed;
}

export class VersionedPool {
  readonly #options: VersionedOptions;
  #limits: MultiplexedLimits;
  #http1: Http1Pool | undefined;
  #http2: MultiplexedPool | undefined;
  #closed = false;

  constructor(options: VersionedOptions) {
    this.#options = options;
    this.#limits = options.limits;
  }

  get limits(): MultiplexedLimits {
    return this.#limits;
  }
  /** What is open goes by them from then on. */
  set limits(limits: MultiplexedLimits) {
    this.#limits = limits;
    if (this.#http1 !== undefined) this.#http1.limits = limits;
    if (this.#http2 !== undefined) this.#http2.limits = limits;
  }

  /**
   * A way to the endpoint now, or undefined: then the waiter is called, later but for `OVERFLOW`, unless it is `forget`ten.
   * `fresh`: not on a connection that has sat idle.
   */
  acquire(waiter: Waiter, version: Version, fresh = false): Upstream | undefined {
    return version === 1 ? this.#ofHttp1().acquire(waiter, fresh) : this.#ofHttp2().acquire(waiter);
  }

  #ofHttp1(): Http1Pool {
    if (this.#http1 !== undefined) return this.#http1;
    const pool = new Http1Pool({
      ...this.#options,
      connect: this.#options.connector(1),
      limits: this.#limits,
    });
    if (this.#closed) pool.close();
    this.#http1 = pool;
    return pool;
  }

  #ofHttp2(): MultiplexedPool {
    if (this.#http2 !== undefined) return this.#http2;
    const pool = new MultiplexedPool({
      ...this.#options,
      connect: this.#options.prepare(this.#options.connector(2)),
      limits: this.#limits,
    });
    if (this.#closed) pool.close();
    this.#http2 = pool;
    return pool;
  }

  /** The waiter has no use for a connection any more. */
  forget(waiter: Waiter): void {
    this.#http1?.forget(waiter);
    this.#http2?.forget(waiter);
  }

  /** A connection that was switched to another protocol is over. */
  tunnelEnded(): void {
    this.#http1?.tunnelEnded();
  }

  /** Serves who waits, and keeps nothing. */
  close(): void {
    this.#closed = true;
    this.#http1?.close();
    this.#http2?.close();
  }

  /** The endpoint is gone: closes, and sends who waits elsewhere. */
  evacuate(): void {
    this.#closed = true;
    this.#http1?.evacuate();
    this.#http2?.evacuate();
  }
}
