/** What the compiler knows of the cluster: a table per kind, indexed by the questions that compiling asks. */

import { balancesByZones } from "./balances-by-zones.ts";
import { ruleHost } from "./destination-rule.ts";
import { hostCovers, isWildcard, serviceOfHost } from "./hosts.ts";
import {
  bareHosts,
  delegateKeys,
  destinationHosts,
  externalHosts,
  isServed,
  nodeNamesOf,
  podKeysOf,
  serviceKeysOf,
  workloadKeyOf,
} from "./indexers.ts";
import type {
  AuthorizationPolicy,
  DestinationRule,
  EndpointSlice,
  EnvoyFilter,
  InputKind,
  Inputs,
  KeySet,
  MeshSettings,
  Meta,
  Node,
  PeerAuthentication,
  Pod,
  RateLimit,
  RequestAuthentication,
  Service,
  ServiceEntry,
  Snapshot,
  VirtualService,
} from "./inputs.ts";
import { isConfiguredBy } from "./pods.ts";
import { keySources } from "./request-authentication.ts";
import { Table } from "./table.ts";
import { type Claim, claimedHosts, claimsOn } from "./virtual-service.ts";

/** What rules that balance by zones are found under. */
const BY_ZONES = "any";

/** A table as far as it does not matter what it is indexed by. */
interface Store<T> {
  get(key: string): T | undefined;
  set(key: string, object: T | undefined): void;
  entries(): Iterable<readonly [string, T]>;
}

export class Cluster {
  readonly settings: MeshSettings;
  readonly services: Table<Service, "namespace">;
  readonly slices: Table<EndpointSlice, "service" | "pod" | "node">;
  /** Finds only pods whose sidecar this revision configures: by `namespace/Kind/name`, and by the node they run on. */
  readonly pods: Table<Pod, "workload" | "node">;
  readonly nodes: Table<Node>;
  /** `destination` finds by the full hosts that routes lead to, `bare` by `namespace/host-…` (bareHostName). */
  readonly virtualServices: Table<
    VirtualService,
    "namespace" | "host" | "wildcard" | "destination" | "delegate" | "bare"
  >;
  /** `zones` finds, under one value, those that balance by zones. */
  readonly destinationRules: Table<DestinationRule, "host" | "wildcard" | "zones">;
  /** `external` finds by the made-up keys of their hosts (externalHosts), `selecting` those that choose pods, by namespace. */
  readonly serviceEntries: Table<ServiceEntry, "namespace" | "host" | "external" | "selecting">;
  readonly peerAuthentications: Table<PeerAuthentication, "namespace">;
  readonly authorizationPolicies: Table<AuthorizationPolicy, "namespace">;
  /** `keys` finds by the source of a rule's keys (keySource). */
  readonly requestAuthentications: Table<RequestAuthentication, "namespace" | "keys">;
  readonly envoyFilters: Table<EnvoyFilter, "namespace">;
  readonly rateLimits: Table<RateLimit, "namespace">;
  readonly keySets: Table<KeySet>;
  readonly #stores: { readonly [K in InputKind]: Store<Inputs[K]> };

  constructor(settings: MeshSettings) {
    const { clusterDomain, revision } = settings;
    this.settings = settings;
    this.services = new Table({ namespace: namespaceOf });
    this.slices = new Table({ service: serviceKeysOf, pod: podKeysOf, node: nodeNamesOf });
    this.pods = new Table({
      workload: (pod) => (isConfiguredBy(pod, revision) ? [workloadKeyOf(pod)] : []),
      node: (pod) => (isConfiguredBy(pod, revision) && pod.spec?.nodeName ? [pod.spec.nodeName] : []),
    });
    this.nodes = new Table({});
    this.virtualServices = new Table({
      namespace: namespaceOf,
      host: (virtualService) => claimedHosts(virtualService, clusterDomain),
      wildcard: (virtualService) => claimedHosts(virtualService, clusterDomain).filter(isWildcard),
      destination: (virtualService) => destinationHosts(virtualService, clusterDomain),
      delegate: (virtualService) => delegateKeys(virtualService),
      bare: (virtualService) => bareHosts(virtualService, clusterDomain).map(({ key }) => key),
    });
    this.destinationRules = new Table({
      host: (rule) => [ruleHost(rule, clusterDomain)],
      wildcard: (rule) => [ruleHost(rule, clusterDomain)].filter(isWildcard),
      zones: (rule) => (balancesByZones(rule) ? [BY_ZONES] : []),
    });
    this.serviceEntries = new Table({
      namespace: namespaceOf,
      host: (entry) => externalHosts(entry).map(({ host }) => host),
      external: (entry) => externalHosts(entry).map(({ key }) => key),
      selecting: (entry: ServiceEntry) =>
        entry.spec?.workloadSelector === undefined ? [] : namespaceOf(entry),
    });
    this.peerAuthentications = new Table({ namespace: namespaceOf });
    this.authorizationPolicies = new Table({ namespace: namespaceOf });
    this.requestAuthentications = new Table({ namespace: namespaceOf, keys: keySources });
    this.envoyFilters = new Table({ namespace: namespaceOf });
    this.rateLimits = new Table({ namespace: namespaceOf });
    this.keySets = new Table({});
    this.#stores = {
      Service: this.services,
      EndpointSlice: this.slices,
      Pod: this.pods,
      Node: this.nodes,
      VirtualService: this.virtualServices,
      DestinationRule: this.destinationRules,
      ServiceEntry: this.serviceEntries,
      PeerAuthentication: this.peerAuthentications,
      AuthorizationPolicy: this.authorizationPolicies,
      RequestAuthentication: this.requestAuthentications,
      EnvoyFilter: this.envoyFilters,
      RateLimit: this.rateLimits,
      KeySet: this.keySets,
    };
  }

  load(snapshot: Snapshot): void {
    for (const kind of Object.keys(this.#stores) as InputKind[]) this.#load(kind, snapshot);
  }

  #load<K extends InputKind>(kind: K, snapshot: Snapshot): void {
    const objects: ReadonlyMap<string, Inputs[K]> = snapshot[kind] ?? new Map<string, Inputs[K]>();
    for (const [key, object] of objects) this.set(kind, key, object);
  }

  /** All that is known, as a snapshot that another Cluster can load. */
  snapshot(): Snapshot {
    const snapshot: { -readonly [K in InputKind]?: ReadonlyMap<string, unknown> } = {};
    for (const kind of Object.keys(this.#stores) as InputKind[])
      snapshot[kind] = new Map(this.#stores[kind].entries());
    return snapshot as Snapshot;
  }

  get<K extends InputKind>(kind: K, key: string): Inputs[K] | undefined {
    const store: Store<Inputs[K]> = this.#stores[kind];
    return store.get(key);
  }

  set<K extends InputKind>(kind: K, key: string, object: Inputs[K] | undefined): void {
    const store: Store<Inputs[K]> = this.#stores[kind];
    store.set(key, object);
  }

  /** The VirtualServices that claim a host, in the order in which they win. */
  claims(host: string): Claim[] {
    return claimsOn(host, byHost(this.virtualServices, host), this.settings.clusterDomain);
  }

  /** The DestinationRules for a host, of every namespace. */
  rules(host: string): DestinationRule[] {
    return byHost(this.destinationRules, host);
  }

  /** How many DestinationRules balance by zones. */
  get rulesByZones(): number {
    return this.destinationRules.keysBy("zones", BY_ZONES).length;
  }

  /** The Kubernetes service of a full host name. */
  serviceOf(host: string): Service | undefined {
    const key = serviceOfHost(host, this.settings.clusterDomain);
    const service = key === undefined ? undefined : this.services.get(key);
    return service !== undefined && isServed(service) ? service : undefined;
  }

  /** Keys of the workloads in a namespace, or of all. */
  *workloads(namespace?: string): Iterable<string> {
    const prefix = namespace === undefined ? "" : `${namespace}/`;
    for (const key of this.pods.indexed("workload")) if (key.startsWith(prefix)) yield key;
  }
}

function namespaceOf(object: { readonly metadata: Meta }): string[] {
  return [object.metadata.namespace ?? ""];
}

function byHost<T, I extends string>(table: Table<T, I | "host" | "wildcard">, host: string): T[] {
  const found = new Set(table.by("host", host));
  for (const pattern of table.indexed("wildcard"))
    if (hostCovers(pattern, host)) for (const object of table.by("wildcard", pattern)) found.add(object);
  return [...found];
}
