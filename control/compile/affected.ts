/**
 * What a change may alter. The answer errs on the side of more: compiling what did not change costs time and writes
 * nothing, as its hash says. It is asked twice, of the cluster before the change and after it, so that what an object
 * reached before, and no longer does, is compiled, too.
 */
import { balancesByZones } from "./balances-by-zones.ts";
import type { Cluster } from "./cluster.ts";
import { ruleHost } from "./destination-rule.ts";
import { selectorOf } from "./external-endpoints.ts";
import { hostCovers, isWildcard, serviceHost, serviceOfHost } from "./hosts.ts";
import { bareHosts, externalHosts, isServed, serviceKeysOf, workloadKeyOf } from "./indexers.ts";
import type {
  Change,
  DestinationRule,
  EndpointSlice,
  PeerAuthentication,
  Pod,
  Service,
  ServiceEntry,
  VirtualService,
} from "./inputs.ts";
import { isEmpty, type Labels, selects } from "./labels.ts";
import { keyOf, splitKey } from "./names.ts";
import { canDisable } from "./peer-authentication.ts";
import { isConfiguredBy } from "./pods.ts";
import { appliesTo, type Policy } from "./policy.ts";
import { claimedHosts } from "./virtual-service.ts";
import { selectsPod } from "./workload.ts";

/** Keys as in Affected, while they are being gathered. */
export interface Reach {
  readonly services: Set<string>;
  readonly workloads: Set<string>;
  readonly indexes: Set<string>;
}

export function emptyReach(): Reach {
  return { services: new Set(), workloads: new Set(), indexes: new Set() };
}

/** Adds what an object, as it is in this cluster, has a say in. */
export function addReach(reach: Reach, cluster: Cluster, change: Change): void {
  if (change.object === undefined) return;
  switch (change.kind) {
    case "Service":
      addService(reach, cluster, change.key, change.object);
      break;
    case "EndpointSlice":
      addSlices(reach, [change.object]);
      break;
    case "Pod":
      if (isConfiguredBy(change.object, cluster.settings.revision))
        reach.workloads.add(workloadKeyOf(change.object));
      addSlices(reach, cluster.slices.by("pod", change.key));
      addSelecting(reach, cluster, change.object);
      break;
    case "Node":
      addSlices(reach, cluster.slices.by("node", change.key));
      for (const namespace of cluster.serviceEntries.indexed("selecting"))
        for (const entry of cluster.serviceEntries.by("selecting", namespace)) addExternals(reach, entry);
      for (const pod of cluster.pods.by("node", change.key)) reach.workloads.add(workloadKeyOf(pod));
      break;
    case "VirtualService":
      addVirtualService(reach, cluster, change.object);
      break;
    case "DestinationRule":
      addDestinationRule(reach, cluster, change.object);
      break;
    case "ServiceEntry":
      addServiceEntry(reach, cluster, change.object);
      break;
    case "PeerAuthentication":
      addPeerAuthentication(reach, cluster, change.object);
      break;
    case "AuthorizationPolicy":
    case "RequestAuthentication":
    case "EnvoyFilter":
    case "RateLimit":
      addPolicy(reach, cluster, change.object);
      break;
    case "KeySet":
      for (const policy of cluster.requestAuthentications.by("keys", change.key))
        addPolicy(reach, cluster, policy);
      break;
  }
}

/** Slices, and what is behind them, are endpoints of their service and nothing else. */
function addSlices(reach: Reach, slices: readonly EndpointSlice[]): void {
  for (const slice of slices) for (const key of serviceKeysOf(slice)) reach.services.add(key);
}

/** A service is its own parts, a line of its namespace's index, a port of workloads, and a destination of routes. */
function addService(reach: Reach, cluster: Cluster, key: string, service: Service): void {
  const { namespace, name } = splitKey(key);
  reach.services.add(key);
  reach.indexes.add(namespace);
  addWorkloads(reach, cluster, namespace, (labels) => selectsPod(service, labels));
  const host = serviceHost(namespace, name, cluster.settings.clusterDomain);
  for (const routed of cluster.virtualServices.by("destination", host))
    addVirtualService(reach, cluster, routed);
  for (const rival of cluster.serviceEntries.by("host", host)) addExternals(reach, rival);
}

/** Its hosts are services of their own, destinations of routes, and no bare hosts of VirtualServices any more. */
function addServiceEntry(reach: Reach, cluster: Cluster, entry: ServiceEntry): void {
  addExternals(reach, entry);
  for (const { host } of externalHosts(entry)) {
    for (const routed of cluster.virtualServices.by("destination", host))
      addVirtualService(reach, cluster, routed);
    for (const { virtualService } of cluster.claims(host)) addVirtualService(reach, cluster, virtualService);
  }
}

function addExternals(reach: Reach, entry: ServiceEntry): void {
  for (const { key } of externalHosts(entry)) {
    reach.services.add(key);
    reach.indexes.add(splitKey(key).namespace);
  }
}

/** A pod is an endpoint of the ServiceEntries that select it. */
function addSelecting(reach: Reach, cluster: Cluster, pod: Pod): void {
  for (const entry of cluster.serviceEntries.by("selecting", pod.metadata.namespace ?? ""))
    if (selects(selectorOf(entry) ?? {}, pod.metadata.labels)) addExternals(reach, entry);
}

/** A VirtualService decides for the services it claims, or stands in for them; a delegate for those of its roots. */
function addVirtualService(reach: Reach, cluster: Cluster, virtualService: VirtualService): void {
  const { clusterDomain } = cluster.settings;
  for (const root of cluster.virtualServices.by("delegate", keyOf(virtualService.metadata)))
    if (root !== virtualService) addClaims(reach, cluster, root, clusterDomain);
  addClaims(reach, cluster, virtualService, clusterDomain);
}

function addClaims(
  reach: Reach,
  cluster: Cluster,
  virtualService: VirtualService,
  clusterDomain: string,
): void {
  for (const host of claimedHosts(virtualService, clusterDomain)) addServicesOf(reach, cluster, host);
  // A bare host that two namespaces claim is in both indexes, or in neither, by which of them is the older.
  for (const { host } of bareHosts(virtualService, clusterDomain)) {
    const rivals = [virtualService, ...cluster.claims(host).map((claim) => claim.virtualService)];
    if (isWildcard(host)) rivals.push(...rivalsUnder(cluster, host));
    for (const rival of rivals)
      for (const bare of bareHosts(rival, clusterDomain)) {
        if (bare.host !== host && !hostCovers(host, bare.host)) continue;
        reach.services.add(bare.key);
        reach.indexes.add(splitKey(bare.key).namespace);
      }
  }
}

/** VirtualServices whose hosts a wildcard covers: for clients that do not see them, the wildcard decides. */
function rivalsUnder(cluster: Cluster, wildcard: string): VirtualService[] {
  return [...cluster.virtualServices.indexed("host")]
    .filter((host) => hostCovers(wildcard, host))
    .flatMap((host) => cluster.virtualServices.by("host", host));
}

/** A DestinationRule is policy for clients, labels to keep on endpoints, and a connection pool for servers. */
function addDestinationRule(reach: Reach, cluster: Cluster, rule: DestinationRule): void {
  // The first one to balance by zones, and the last: every client is to know where its like are, or no longer.
  if (balancesByZones(rule) && cluster.rulesByZones === 1)
    for (const key of cluster.workloads()) reach.workloads.add(key);
  const reached = emptyReach();
  addServicesOf(reached, cluster, ruleHost(rule, cluster.settings.clusterDomain));
  for (const key of reached.services) {
    reach.services.add(key);
    const service = cluster.services.get(key);
    if (service !== undefined)
      addWorkloads(reach, cluster, splitKey(key).namespace, (labels) => selectsPod(service, labels));
  }
}

/** It is a mode for workloads; for their clients only when it may turn mutual TLS off, or had a say in that. */
function addPeerAuthentication(reach: Reach, cluster: Cluster, policy: PeerAuthentication): void {
  const { rootNamespace, mtlsMode } = cluster.settings;
  const namespace = policy.metadata.namespace ?? "";
  const selector = policy.spec?.selector?.matchLabels ?? {};
  const isMeshWide = namespace === rootNamespace;
  if (isMeshWide && !isEmpty(selector)) return;
  const scope = isMeshWide ? undefined : namespace;
  addWorkloads(reach, cluster, scope, (labels) => selects(selector, labels));
  const disabling =
    mtlsMode === "DISABLE" || [...cluster.peerAuthentications.values()].some((other) => canDisable(other));
  if (!disabling) return;
  const services = isMeshWide ? cluster.services.keys() : cluster.services.keysBy("namespace", namespace);
  for (const key of services) reach.services.add(key);
  for (const scoped of isMeshWide ? cluster.serviceEntries.indexed("selecting") : [namespace])
    for (const entry of cluster.serviceEntries.by("selecting", scoped)) addExternals(reach, entry);
}

/** A policy is for workloads of its namespace, or of all when that is the root namespace. */
function addPolicy(reach: Reach, cluster: Cluster, policy: Policy): void {
  const namespace = policy.metadata.namespace ?? "";
  const scope = namespace === cluster.settings.rootNamespace ? undefined : namespace;
  addWorkloads(reach, cluster, scope, (labels) => appliesTo(policy, labels));
}

/** The workloads of a namespace, or of all, of which some pod's labels fit. */
function addWorkloads(
  reach: Reach,
  cluster: Cluster,
  namespace: string | undefined,
  fits: (labels: Labels) => boolean,
): void {
  for (const key of cluster.workloads(namespace)) {
    if (reach.workloads.has(key)) continue;
    for (const pod of cluster.pods.each("workload", key)) {
      if (!fits(pod.metadata.labels ?? {})) continue;
      reach.workloads.add(key);
      break;
    }
  }
}

/** The services that a rule's host covers. */
function addServicesOf(reach: Reach, cluster: Cluster, host: string): void {
  const { clusterDomain } = cluster.settings;
  for (const known of isWildcard(host) ? cluster.serviceEntries.indexed("host") : [host])
    if (hostCovers(host, known))
      for (const entry of cluster.serviceEntries.by("host", known)) addExternals(reach, entry);
  if (!isWildcard(host)) {
    const key = serviceOfHost(host, clusterDomain);
    const service = key === undefined ? undefined : cluster.services.get(key);
    if (key !== undefined && service !== undefined && isServed(service)) reach.services.add(key);
    return;
  }
  for (const [key, service] of cluster.services.entries()) {
    const { namespace, name } = splitKey(key);
    if (isServed(service) && hostCovers(host, serviceHost(namespace, name, clusterDomain)))
      reach.services.add(key);
  }
}
