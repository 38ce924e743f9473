/** The clusters of one service: its endpoints by port and subset, each with its policy. Immutable; made when first asked for. */
import type { ClusterPolicy, Endpoint, IndexPort, ServicePart } from "../../../crds/service-config.ts";
import type { Random } from "../../balance/candidate.ts";
import { compileHashPolicy } from "../../balance/hash-policy.ts";
import type { Place } from "../../balance/locality.ts";
import type { Cluster, EndpointHandle } from "../view.ts";
import type { ClusterStates, Reached } from "./cluster-state.ts";
import type { Handle } from "./endpoint.ts";

export interface ClusterSources {
  readonly part: Pick<ServicePart, "key" | "name" | "namespace" | "host" | "resolution">;
  readonly policies: readonly ClusterPolicy[];
  readonly endpoints: readonly Endpoint[];
  readonly ports: readonly IndexPort[];
}

/** What holds for a service whose policies name nothing: Istio's defaults. */
const defaultPolicy: ClusterPolicy = Object.freeze<ClusterPolicy>({
  subset: "",
  labels: {},
  loadBalancer: { simple: "LEAST_REQUEST" },
  connectionPool: { connectTimeoutMs: 10_000 },
  tls: { mode: "AUTO", subjectAltNames: [] },
});

/** What every service's clusters share. */
export interface ClusterContext {
  readonly states: ClusterStates;
  readonly place: Place;
  readonly random: Random;
}

export class ServiceClusters {
  readonly sources: ClusterSources;
  readonly #context: ClusterContext;
  readonly #clusters = new Map<string, Cluster>();

  /** `previous` is the set that this one replaces: what it had in use is made at once, and handles that are gone end. */
  constructor(sources: ClusterSources, context: ClusterContext, previous?: ServiceClusters) {
    this.sources = sources;
    this.#context = context;
    const before = previous === undefined ? [] : previous.#clusters.values();
    for (const { name, port, subset } of before)
      if (this.get(port, subset)?.name !== name) context.states.of(name).end();
  }

  /** The cluster of a service port and subset; undefined when the service has no such port or subset. */
  get(port: number, subset: string): Cluster | undefined {
    const key = `${port}|${subset}`;
    const known = this.#clusters.get(key);
    if (known !== undefined) return known;
    const policy = this.#policy(port, subset);
    const indexPort = this.sources.ports.find((each) => each.port === port);
    if (policy === undefined || indexPort === undefined) return undefined;
    const cluster = this.#make(indexPort, policy);
    this.#clusters.set(key, cluster);
    return cluster;
  }

  /** The port that a destination without one means: the only one, else the one that the client called. */
  defaultPort(called: number): number {
    const [only, ...others] = this.sources.ports;
    return only !== undefined && others.length === 0 ? only.port : called;
  }

  hasSubset(subset: string): boolean {
    return subset === "" || this.sources.policies.some((policy) => policy.subset === subset);
  }

  /**
   * Whether the endpoints show the labels that the subset selects by. They carry only labels that some subset uses, so a
   * label that none has may be one whose endpoints are still on their way.
   */
  showsLabelsOf(subset: string): boolean {
    const labels = Object.keys(
      this.sources.policies.find((policy) => policy.subset === subset)?.labels ?? {},
    );
    const { endpoints } = this.sources;
    return endpoints.length === 0 || labels.every((label) => endpoints.some((each) => label in each.labels));
  }

  /** Ends every handle: the service is gone. */
  close(): void {
    for (const { name } of this.#clusters.values()) this.#context.states.of(name).end();
  }

  #policy(port: number, subset: string): ClusterPolicy | undefined {
    const { policies } = this.sources;
    return (
      policies.find((policy) => policy.subset === subset && policy.port === port) ??
      policies.find((policy) => policy.subset === subset && policy.port === undefined) ??
      (subset === "" ? defaultPolicy : undefined)
    );
  }

  #make({ port, protocol }: IndexPort, policy: ClusterPolicy): Cluster {
    const { part } = this.sources;
    const { states, place, random } = this.#context;
    const name = `outbound|${port}|${policy.subset}|${part.host}`;
    const state = states.of(name);
    const { handles, balancer } = state.update(this.#reach(port, policy), policy, place, random);
    const { consistentHash } = policy.loadBalancer;
    const originalDestination = part.resolution === "NONE";
    const cluster: Cluster = Object.freeze({
      name,
      host: part.host,
      // A host that is no Kubernetes service has a made-up name.
      service: part.resolution === undefined ? part.name : part.host,
      namespace: part.namespace,
      subset: policy.subset,
      port,
      protocol,
      policy,
      endpoints: handles,
      hashPolicy: consistentHash && compileHashPolicy(consistentHash),
      // The handles of a cluster are its own: whatever is excluded came from here.
      pick: (now: number, exclude?: readonly EndpointHandle[], hash?: number, elsewhere?: boolean) =>
        balancer.pick(now, exclude as readonly Handle[] | undefined, hash, elsewhere),
      originalDestination,
      at: originalDestination ? (address: string) => state.dialled(address, port) : byAddress(handles),
      counters: state.counters,
    });
    state.counters.current = cluster;
    return cluster;
  }

  /** The ready endpoints of the subset that have the port. */
  #reach(port: number, policy: ClusterPolicy): readonly Reached[] {
    const labels = Object.entries(policy.labels);
    return this.sources.endpoints.flatMap((endpoint) => {
      if (!endpoint.ready || !labels.every(([key, value]) => endpoint.labels[key] === value)) return [];
      const target = endpoint.ports.find((each) => each.port === port)?.target;
      return target === undefined ? [] : { endpoint, target, mtls: usesMtls(policy, endpoint, target) };
    });
  }
}

/** Lookups by address, in a map that is made at the first. */
function byAddress(handles: readonly Handle[]): (address: string) => EndpointHandle | undefined {
  let map: Map<string, Handle> | undefined;
  return (address) => {
    map ??= new Map(handles.map((handle) => [handle.address, handle]));
    return map.get(address);
  };
}

/** AUTO follows the endpoint: mutual TLS where its proxy takes it. Any explicit mode ends that (Istio's auto mTLS). */
function usesMtls(policy: ClusterPolicy, endpoint: Endpoint, target: number): boolean {
  switch (policy.tls.mode) {
    case "AUTO":
      return endpoint.mtls && endpoint.plaintextPorts?.includes(target) !== true;
    case "ISTIO_MUTUAL":
      return true;
    default:
      return false;
  }
}
