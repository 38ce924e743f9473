/**
 * The pools of one endpoint, by cluster: connections are shared only where nothing about them differs (the SNI names the
 * subset, timeouts are the cluster's, and some are opened for one client's requests, or one name's). Kept on the endpoint's
 * handle, so they live as long as the workload does.
 */
import type { Cluster, ClusterPolicy, ConnectionPool, EndpointHandle } from "../config/view.ts";
import type { DialError } from "../net/listen.ts";
import type { MultiplexedLimits } from "../upstream/multiplexed-pool.ts";
import { type VersionedOptions, VersionedPool } from "../upstream/versioned-pool.ts";
import { breakerOf } from "./breakers.ts";
import { connectorOf, encrypts } from "./connector.ts";
import { ALPN_HTTP1, ALPN_HTTP2, type Context } from "./context.ts";
import type { OpenedFor } from "./opened-for.ts";
import { speakerOf } from "./speaker.ts";

/** Envoy's default for idle upstream connections is an hour; a peer's proxy keeps them longer than that. */
const IDLE_MS = 3_600_000 - 60_000;
/** Of connections that serve one client's alone, which may be over: most clients keep theirs no longer than that. */
const ONE_CLIENT_IDLE_MS = 60_000;
/** Clients' connections, or names of a wildcard host, that have pools of their own at an endpoint; those unused for longest make way. */
const MAX_APART = 1024;

/** One pool with what the data path keeps beside it. */
export class EndpointPool extends VersionedPool {
  /** Metric rows by response code, bound when first needed; for plain HTTP without flags. */
  readonly rows = new Map<number, number>();
  readonly #mostIdleMs: number;
  #labels: object | undefined;
  #policy: ConnectionPool | undefined;
  #tls: ClusterPolicy["tls"] | undefined;
  #secured: string | undefined;

  constructor(options: VersionedOptions, mostIdleMs = Number.POSITIVE_INFINITY) {
    super(options);
    this.#mostIdleMs = mostIdleMs;
  }

  /** Whether its connections are secured, and probed, as the policy says: when not, it is of no more use. */
  secures({ tls, proxyProtocol, connectionPool }: ClusterPolicy): boolean {
    if (tls === this.#tls) return true;
    const { tcpKeepalive, http2KeepAlive } = connectionPool;
    const secured = JSON.stringify([tls, proxyProtocol, tcpKeepalive, http2KeepAlive]);
    if (this.#secured !== undefined && secured !== this.#secured) return false;
    this.#tls = tls;
    this.#secured = secured;
    return true;
  }

  /** Goes by the cluster's policy, which may be another than when the pool was made. */
  follow({ policy }: Cluster): void {
    if (policy.connectionPool === this.#policy) return;
    this.#policy = policy.connectionPool;
    this.limits = limitsOf(policy.connectionPool, this.#mostIdleMs);
  }

  /** The rows, forgotten when the endpoint's labels have changed since they were bound. */
  rowsOf(labels: object | undefined): Map<number, number> {
    if (labels !== this.#labels) {
      this.#labels = labels;
      this.rows.clear();
    }
    return this.rows;
  }
}

class EndpointPools {
  readonly #pools = new Map<string, EndpointPool>();
  /** Whose connections serve some requests alone, by what they were opened for; the longest unused first. */
  #apart: Map<string, EndpointPool> | undefined;

  /** The pool that serves the cluster as it is now. */
  find(cluster: Cluster, opened: OpenedFor | undefined): EndpointPool | undefined {
    const key = keyOf(cluster, opened);
    const pools = opened === undefined ? this.#pools : this.#apart;
    const pool = pools?.get(key);
    if (pools === undefined || pool === undefined) return undefined;
    if (!pool.secures(cluster.policy)) {
      pools.delete(key);
      pool.close();
      return undefined;
    }
    if (opened !== undefined) {
      pools.delete(key);
      pools.set(key, pool);
    }
    pool.follow(cluster);
    return pool;
  }

  keep(cluster: Cluster, opened: OpenedFor | undefined, pool: EndpointPool): EndpointPool {
    pool.follow(cluster);
    const key = keyOf(cluster, opened);
    if (opened === undefined) {
      this.#pools.set(key, pool);
      return pool;
    }
    this.#apart ??= new Map();
    const apart = this.#apart;
    apart.set(key, pool);
    if (apart.size > MAX_APART) {
      for (const [oldest, unused] of apart) {
        apart.delete(oldest);
        unused.close();
        break;
      }
    }
    return pool;
  }

  /** The endpoint has left the mesh. */
  close(): void {
    for (const pool of this.#pools.values()) pool.evacuate();
    for (const pool of this.#apart?.values() ?? []) pool.evacuate();
  }
}

function keyOf(cluster: Cluster, opened: OpenedFor | undefined): string {
  return opened === undefined ? cluster.name : `${cluster.name} ${opened.key}`;
}

/** The pool for requests of a cluster to an endpoint, made at first use. */
export function poolOf(
  context: Context,
  cluster: Cluster,
  endpoint: EndpointHandle,
  opened?: OpenedFor,
): EndpointPool {
  if (!(endpoint.pool instanceof EndpointPools)) endpoint.pool = new EndpointPools();
  const pools = endpoint.pool as EndpointPools;
  return (
    pools.find(cluster, opened) ?? pools.keep(cluster, opened, makePool(context, cluster, endpoint, opened))
  );
}

function makePool(
  context: Context,
  cluster: Cluster,
  endpoint: EndpointHandle,
  opened: OpenedFor | undefined,
): EndpointPool {
  const mostIdleMs = opened?.header === undefined ? Number.POSITIVE_INFINITY : ONE_CLIENT_IDLE_MS;
  const options: VersionedOptions = {
    connector(version) {
      const alpn = version === 1 ? ALPN_HTTP1 : ALPN_HTTP2;
      const connect = connectorOf(context, cluster, endpoint, alpn, opened);
      return (connected, failed) => connect({ connected, failed });
    },
    ...speakerOf(context),
    limits: limitsOf(cluster.policy.connectionPool, mostIdleMs),
    wheel: context.wheel,
    writer: context.writer,
    // In plaintext they cost little, and thousands of endpoints may each have one.
    ...(encrypts(cluster, endpoint) && { idle: context.idle }),
    breaker: breakerOf(cluster),
    now: context.now,
    dialFailed(error) {
      countFailure(context, error);
      endpoint.observe(0, 0, context.now());
    },
  };
  const pool = new EndpointPool(options, mostIdleMs);
  // A handle that has left the configuration is not told again: nothing may stay idle on it.
  if (endpoint.removed) pool.close();
  pool.secures(cluster.policy);
  return pool;
}

function limitsOf(pool: ConnectionPool, mostIdleMs: number): MultiplexedLimits {
  return {
    connectTimeoutMs: pool.connectTimeoutMs,
    // As in Istio, TCP's holds where HTTP's is not set. 0 is no limit of the user's; the peer's proxy has one.
    idleTimeoutMs: Math.min((pool.idleTimeoutMs ?? pool.tcpIdleTimeoutMs) || IDLE_MS, mostIdleMs),
    maxRequestsPerConnection: pool.maxRequestsPerConnection ?? 0,
    maxConnectionMs: pool.maxConnectionDurationMs ?? 0,
    maxConcurrentStreams: pool.maxConcurrentStreams ?? 0,
    http2KeepAlive: pool.http2KeepAlive,
  };
}

export function countFailure(context: Context, error: DialError): void {
  context.telemetry.dialFailures.of("outbound", error.reason).value++;
}
