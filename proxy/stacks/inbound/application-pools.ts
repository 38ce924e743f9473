/** Connections to this workload's own application, by address and container port, with the limits of each port. */
import type { Breaker } from "../../breaker/breaker.ts";
import type { ConnectionPool, InboundPolicy } from "../../config/view.ts";
import type { MultiplexedLimits } from "../../upstream/multiplexed-pool.ts";
import { VersionedPool } from "../../upstream/versioned-pool.ts";
import { unlimited } from "../breakers.ts";
import { type Context, withKeepAlive } from "../context.ts";
import { speakerOf } from "../speaker.ts";

/** For ports without a policy. */
export const CONNECT_MS = 10_000;
/**
 * Applications close idle connections when they like (Node after 5 s, gunicorn after 2), and a request that meets such a close
 * is lost. Opening one on the loopback costs 30 µs, so none is kept for longer than any server we know.
 */
const IDLE_MS = 1_000;

/** Ports of one application; whoever tries more than these finds out nothing and fills no memory. */
const MAX_POOLS = 256;

/** The pool of one port, with the breaker that all of its traffic goes by. */
export class ApplicationPool extends VersionedPool {
  readonly breaker: Breaker;
  #policy: ConnectionPool | undefined;

  constructor(context: Context, address: string, port: number) {
    const breaker = unlimited();
    super({
      connector: () => (connected, failed) =>
        context.dialler.plain(address, port, withKeepAlive(context, this.#policy, { connected, failed })),
      ...speakerOf(context),
      limits: limitsOf(undefined),
      wheel: context.wheel,
      writer: context.writer,
      breaker,
      now: context.now,
      dialFailed: (error) => void context.telemetry.dialFailures.of("inbound", error.reason).value++,
    });
    this.breaker = breaker;
  }

  /** The policy that holds. */
  get policy(): ConnectionPool | undefined {
    return this.#policy;
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

function limitsOf(pool: ConnectionPool | undefined): MultiplexedLimits {
  return {
    connectTimeoutMs: pool?.connectTimeoutMs ?? CONNECT_MS,
    idleTimeoutMs: Math.min(pool?.idleTimeoutMs ?? IDLE_MS, IDLE_MS),
    maxRequestsPerConnection: pool?.maxRequestsPerConnection ?? 0,
    maxConnectionMs: pool?.maxConnectionDurationMs ?? 0,
    // The application says itself how many it takes.
    maxConcurrentStreams: 0,
    http2KeepAlive: undefined,
  };
}
