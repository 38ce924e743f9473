/** The clusters of one service: its endpoints by port and subset, each with its policy. Immutable; made when first asked for. */
import type { ClusterPolicy, Endpoint, IndexPort, ServicePart } from "../../crds/service-config.ts";
import type { Random } from "../balance/candidate.ts";
import { createPicker } from "../balance/picker.ts";
import type { EndpointRegistry } from "./endpoint.ts";
import type { Cluster, EndpointHandle } from "./view.ts";

export interface ClusterSources {
  readonly part: Pick<ServicePart, "key" | "name" | "namespace" | "host">;
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

export class ServiceClusters {
  readonly sources: ClusterSources;
  readonly #registry: EndpointRegistry;
  readonly #random: Random;
  readonly #clusters = new Map<string, Cluster>();

  /** `previous` is the set that this one replaces: what it had in use is made at once, and handles that are gone end. */
  constructor(
    sources: ClusterSources,
    registry: EndpointRegistry,
    random: Random,
    previous?: ServiceClusters,
  ) {
    this.sources = sources;
    this.#registry = registry;
    this.#random = random;
    const before = previous === undefined ? [] : previous.#clusters.values();
    for (const { port, subset } of before) this.get(port, subset);
    this.#retain();
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
    this.#registry.retain(this.sources.part.key, new Set());
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
    const name = `outbound|${port}|${policy.subset}|${part.host}`;
    const endpoints = this.#handles(port, policy);
    return Object.freeze({
      name,
      host: part.host,
      service: part.name,
      namespace: part.namespace,
      subset: policy.subset,
      port,
      protocol,
      policy,
      endpoints,
      pick: createPicker(policy.loadBalancer, endpoints, this.#random),
      at: (address: string) => endpoints.find((endpoint) => endpoint.address === address),
      counters: this.#registry.counters(name),
    });
  }

  #handles(port: number, policy: ClusterPolicy): readonly EndpointHandle[] {
    const labels = Object.entries(policy.labels);
    const handles = new Set<EndpointHandle>();
    for (const endpoint of this.sources.endpoints) {
      if (!endpoint.ready || !labels.every(([key, value]) => endpoint.labels[key] === value)) continue;
      const target = endpoint.ports.find((each) => each.port === port)?.target;
      if (target === undefined) continue;
      const mtls = usesMtls(policy, endpoint, target);
      handles.add(this.#registry.obtain(this.sources.part.key, endpoint, target, mtls));
    }
    return Object.freeze([...handles]);
  }

  #retain(): void {
    const inUse = new Set<EndpointHandle>();
    for (const cluster of this.#clusters.values()) for (const handle of cluster.endpoints) inUse.add(handle);
    this.#registry.retain(this.sources.part.key, inUse);
  }
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
