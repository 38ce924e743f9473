/** Connections to where the application wanted, for destinations that no service claims (Istio's PassthroughCluster). */
import type { EndpointHandle } from "../../config/view.ts";
import type { Destination } from "../../net/original-destination.ts";
import { unlimited } from "../breakers.ts";
import type { Context } from "../context.ts";
import { countFailure, EndpointPool } from "../endpoint-pools.ts";
import { speakerOf } from "../speaker.ts";

/** Destinations remembered; one that is called again after that gets a new pool. */
const MAX_DESTINATIONS = 1024;
const CONNECT_MS = 10_000;
/** Servers outside the mesh close idle connections early; asking for a new one costs them and us little. */
const IDLE_MS = 30_000;

interface Entry {
  readonly endpoint: EndpointHandle;
  readonly pool: EndpointPool;
}

export class Passthrough {
  readonly #context: Context;
  readonly #entries = new Map<string, Entry>();
  readonly #pools = new WeakMap<EndpointHandle, EndpointPool>();
  readonly #breaker = unlimited();

  constructor(context: Context) {
    this.#context = context;
  }

  /** The endpoint that the address itself is; undefined for an address that is our own listener. */
  endpoint(destination: Destination): EndpointHandle | undefined {
    if (destination.port === 0) return undefined;
    return this.#entry(destination).endpoint;
  }

  pool(endpoint: EndpointHandle): EndpointPool {
    return (
      this.#pools.get(endpoint) ?? this.#entry({ address: endpoint.address, port: endpoint.target }).pool
    );
  }

  #entry(destination: Destination): Entry {
    const key = `${destination.address}|${destination.port}`;
    let entry = this.#entries.get(key);
    if (entry === undefined) {
      this.#makeRoom();
      entry = this.#make(destination);
      this.#entries.set(key, entry);
      this.#pools.set(entry.endpoint, entry.pool);
    }
    return entry;
  }

  #makeRoom(): void {
    if (this.#entries.size < MAX_DESTINATIONS) return;
    const [oldest] = this.#entries;
    if (oldest === undefined) return;
    this.#entries.delete(oldest[0]);
    oldest[1].pool.close();
  }

  #make({ address, port }: Destination): Entry {
    const context = this.#context;
    const pool = new EndpointPool({
      connector: () => (connected, failed) => context.dialler.plain(address, port, { connected, failed }),
      ...speakerOf(context),
      limits: {
        connectTimeoutMs: CONNECT_MS,
        idleTimeoutMs: IDLE_MS,
        maxRequestsPerConnection: 0,
        maxConnectionMs: 0,
        maxConcurrentStreams: 0,
        http2KeepAlive: undefined,
      },
      wheel: context.wheel,
      writer: context.writer,
      breaker: this.#breaker,
      now: context.now,
      dialFailed: (error) => countFailure(context, error),
    });
    return { pool, endpoint: plainEndpoint(address, port) };
  }
}

/** An endpoint that is an address and nothing else. */
export function plainEndpoint(address: string, target: number): EndpointHandle {
  let active = 0;
  return {
    address,
    target,
    mtls: false,
    identity: undefined,
    workload: undefined,
    labels: {},
    locality: undefined,
    weight: 1,
    removed: false,
    get active() {
      return active;
    },
    begin: () => void active++,
    end: () => void active--,
    observe: () => {},
    reportWeight: () => {},
    pool: undefined,
  };
}
