/** Connections to this workload's own application, by address and container port, with the limits of each port. */
import type { Breaker } from "../breaker/breaker.ts";
import type { ConnectionPool, InboundPolicy } from "../config/view.ts";
import { Pool, type PoolLimits } from "../upstream/pool.ts";
import { unlimited } from "./breakers.ts";
import type { Context } from "./context.ts";

const CONNECT_MS = 10_000;
/**
 * Applications close idle connections when they like (Node after 5 s, gunicorn after 2), and a request that meets such a close
 * is lost. Opening one on the loopback costs 30 µs, so none is kept for longer than any server we know.
 */
const IDLE_MS = 1_000;

/** Ports of one application; whoever tries more than these finds out nothing and fills no memory. */
const MAX_POOLS = 256;

/** The pool of one port, with the breaker that all of its traffic goes by. */
export class ApplicationPool extends Pool {
  readonly breaker: Breaker;
  #policy: ConnectionPool | undefined;

  constructor(context: Context, address: string, port: number) {
    const breaker = unlimited();
    super({
      connect: (connected, failed) => context.dialler.plain(address, port, { connected, failed }),
      limits: limitsOf(undefined),
      wheel: context.wheel,
      writer: context.writer,
      breaker,
      now: context.now,
      dialFailed: (error) => void context.telemetry.dialFailures.of("inbound", error.reason).value++,
    });
    this.breaker = breaker;
  }

  /** Goes by the port's policy, which may be another than before. */
  follow(policy: InboundPolicy | undefined): this {
    const pool = policy?.connectionPool;
    if (pool === this.#policy) return this;
    this.#policy = pool;
    this.limits = limitsOf(pool);
    this.breaker.apply(pool);
    return this;
  }
}

export class ApplicationPools {
  readonly #context: Context;
  readonly #pools = new Map<string, ApplicationPool>();

  constructor(context: Context) {
    this.#context = context;
  }

  of(address: string, port: number): ApplicationPool {
    const key = `${address}|${port}`;
    let pool = this.#pools.get(key);
    if (pool === undefined) {
      const [oldest] = this.#pools;
      if (this.#pools.size >= MAX_POOLS && oldest !== undefined) {
        this.#pools.delete(oldest[0]);
        oldest[1].close();
      }
      pool = new ApplicationPool(this.#context, address, port);
      this.#pools.set(key, pool);
    }
    return pool;
  }
}

function limitsOf(pool: ConnectionPool | undefined): PoolLimits {
  return {
    connectTimeoutMs: pool?.connectTimeoutMs ?? CONNECT_MS,
    idleTimeoutMs: Math.min(pool?.idleTimeoutMs ?? IDLE_MS, IDLE_MS),
    maxRequestsPerConnection: pool?.maxRequestsPerConnection ?? 0,
    maxConnectionMs: pool?.maxConnectionDurationMs ?? 0,
  };
}
