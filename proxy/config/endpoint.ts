/** Endpoint handles: one object for as long as the same workload answers at the same address, whatever else changes. */
import type { Endpoint } from "../../crds/service-config.ts";
import type { ClusterCounters, EndpointHandle } from "./view.ts";

class Handle implements EndpointHandle {
  readonly address: string;
  readonly target: number;
  readonly mtls: boolean;
  readonly identity: string | undefined;
  readonly workload: string | undefined;
  labels: Readonly<Record<string, string>>;
  locality: string | undefined;
  weight: number;
  removed = false;
  active = 0;
  pool: EndpointHandle["pool"] = undefined;

  constructor(endpoint: Endpoint, target: number, mtls: boolean) {
    this.address = endpoint.address;
    this.target = target;
    this.mtls = mtls;
    this.identity = endpoint.identity;
    this.workload = endpoint.workload;
    this.labels = endpoint.labels;
    this.locality = endpoint.locality;
    this.weight = share(endpoint.weight);
  }

  update(endpoint: Endpoint): void {
    this.labels = endpoint.labels;
    this.locality = endpoint.locality;
    this.weight = share(endpoint.weight);
  }

  begin(): void {
    this.active++;
  }

  end(_status: number, _latencyMs: number, _now: number): void {
    this.active--;
  }

  remove(): void {
    this.removed = true;
    const { pool } = this;
    this.pool = undefined;
    pool?.close();
  }
}

/** Balancing divides by it. */
function share(weight: number): number {
  return Math.max(weight, 1);
}

/**
 * Hands out handles and ends those that no snapshot names any more. A pod that takes over an address has another identity or
 * workload, and so another handle: it must not inherit connections to its predecessor.
 */
export class EndpointRegistry {
  readonly #services = new Map<string, Map<string, Handle>>();
  readonly #counters = new Map<string, ClusterCounters>();

  /** The handle of an endpoint's port, the same one as before when it is the same workload. */
  obtain(service: string, endpoint: Endpoint, target: number, mtls: boolean): EndpointHandle {
    let handles = this.#services.get(service);
    if (handles === undefined) {
      handles = new Map();
      this.#services.set(service, handles);
    }
    const key = `${endpoint.address}|${target}|${mtls ? endpoint.identity : ""}|${mtls}|${endpoint.workload}`;
    let handle = handles.get(key);
    if (handle === undefined) {
      handle = new Handle(endpoint, target, mtls);
      handles.set(key, handle);
    } else {
      handle.update(endpoint);
    }
    return handle;
  }

  /** Ends every handle of the service that is not among those in use. */
  retain(service: string, inUse: ReadonlySet<EndpointHandle>): void {
    const handles = this.#services.get(service);
    for (const [key, handle] of handles ?? []) {
      if (inUse.has(handle)) continue;
      handles?.delete(key);
      handle.remove();
    }
    if (handles?.size === 0) this.#services.delete(service);
  }

  counters(cluster: string): ClusterCounters {
    let counters = this.#counters.get(cluster);
    if (counters === undefined) {
      counters = { requests: 0, pending: 0, connections: 0, retries: 0, slot: undefined };
      this.#counters.set(cluster, counters);
    }
    return counters;
  }
}
