/** Hosts of VirtualServices that are no Kubernetes service: they stand in their namespaces' indexes by name. */
import type { IndexEntry, IndexPort } from "../../crds/service-config.ts";
import type { Cluster } from "./cluster.ts";
import { externalFor } from "./external.ts";
import { appliesToMesh } from "./http-match.ts";
import { bareHosts } from "./indexers.ts";
import type { VirtualService } from "./inputs.ts";
import { serviceKey, splitKey } from "./names.ts";
import { sortedUnique } from "./order.ts";
import { validPort } from "./ports.ts";
import { selections } from "./variants.ts";
import { exportToOf, isVisible, type Visibility, visibilityOf } from "./visibility.ts";

export interface BareHost {
  readonly key: string;
  readonly host: string;
  readonly entry: IndexEntry;
  /** Those of the namespace that decide for some client. */
  readonly virtualServices: readonly VirtualService[];
}

/** The bare hosts of one namespace, by key. */
export function bareHostsOf(cluster: Cluster, namespace: string): BareHost[] {
  const keys = cluster.virtualServices
    .by("namespace", namespace)
    .flatMap((virtualService) => bareHosts(virtualService, cluster.settings.clusterDomain));
  return sortedUnique(keys.map(({ key }) => key)).flatMap((key) => bareHost(cluster, key) ?? []);
}

/** The bare host under a made-up service key, unless a ServiceEntry has it or its VirtualServices lose to older ones everywhere. */
export function bareHost(cluster: Cluster, key: string): BareHost | undefined {
  const { clusterDomain, rootNamespace } = cluster.settings;
  const { namespace, name } = splitKey(key);
  const host = cluster.virtualServices
    .by("bare", key)
    .flatMap((virtualService) => bareHosts(virtualService, clusterDomain))
    .find((bare) => bare.key === key)?.host;
  if (host === undefined) return undefined;
  const declared = externalFor(cluster, host, namespace);
  if (declared !== undefined && isVisible(declared.visibility, namespace)) return undefined;
  const lookup = { host, serviceNamespace: namespace, rootNamespace, clusterDomain };
  const { common, special } = selections(cluster.claims(host), [], lookup);
  const winners = [
    ...new Set([common, ...special.values()].flatMap(({ virtualService }) => virtualService ?? [])),
  ];
  const virtualServices = winners.filter(({ metadata }) => (metadata.namespace ?? "") === namespace);
  if (virtualServices.length === 0) return undefined;
  const entry = {
    name,
    key: serviceKey(namespace, name),
    addresses: [],
    ports: portsOf(winners),
    hosts: [host],
    ...exportToOf(union(virtualServices.map(({ spec }) => visibilityOf(spec?.exportTo, namespace)))),
  };
  return { key, host, entry, virtualServices };
}

const httpPort = 80;
const tlsPort = 443;

/**
 * The ports on which the routes hold: no service says, so that HTTP is on port 80 and TLS on 443, and on those that
 * matches name; TCP only on those.
 */
function portsOf(virtualServices: readonly VirtualService[]): IndexPort[] {
  const ports = new Map<number, IndexPort>();
  const add = (port: number | undefined, protocol: IndexPort["protocol"]) => {
    if (validPort(port) !== undefined && port && !ports.has(port)) ports.set(port, { port, protocol });
  };
  for (const { spec } of virtualServices) {
    for (const { match } of spec?.http ?? []) {
      add(httpPort, "http");
      for (const { port, gateways } of match ?? []) if (appliesToMesh(gateways)) add(port, "http");
    }
    for (const { match } of spec?.tls ?? [])
      for (const { port, gateways } of match ?? []) if (appliesToMesh(gateways)) add(port || tlsPort, "tls");
    for (const { match } of spec?.tcp ?? [])
      for (const { port, gateways } of match ?? []) if (appliesToMesh(gateways)) add(port, "tcp");
  }
  return [...ports.values()].sort((a, b) => a.port - b.port);
}

function union(visibilities: readonly Visibility[]): Visibility {
  const namespaces = new Set<string>();
  for (const visibility of visibilities) {
    if (visibility === "all") return "all";
    for (const namespace of visibility) namespaces.add(namespace);
  }
  return namespaces;
}
