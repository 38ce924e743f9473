/** The `index` part: every name of a namespace that proxies may meet, by address or by host. */
import type { IndexEntry, IndexPart } from "../../crds/service-config.ts";
import type { Cluster } from "./cluster.ts";
import { bareHosts, isServed } from "./indexers.ts";
import type { Service, VirtualService } from "./inputs.ts";
import { generationOf, serviceKey, splitKey } from "./names.ts";
import { compareText, sortedUnique } from "./order.ts";
import { protocolOf, tcpPorts } from "./protocol.ts";
import type { CompiledPart } from "./service.ts";
import { selections } from "./variants.ts";
import { exportToAnnotation, type Visibility, visibilityOf, visibilityOfAnnotation } from "./visibility.ts";

/** The namespace's part, or undefined when there is nothing in it. */
export function compileIndexPart(cluster: Cluster, namespace: string): CompiledPart<IndexPart> | undefined {
  const services = cluster.services.by("namespace", namespace).filter(isServed).map(serviceEntry);
  const bare = bareHostsOf(cluster, namespace);
  const entries = [...services, ...bare.map(({ entry }) => entry)];
  if (entries.length === 0) return undefined;
  const sources = bare.flatMap(({ virtualServices }) => virtualServices);
  return {
    part: { namespace, services: entries.sort((a, b) => compareText(a.name, b.name)) },
    generations: sortedUnique(sources.map(({ metadata }) => generationOf("VirtualService", metadata))),
  };
}

function serviceEntry({ metadata, spec }: Service): IndexEntry {
  const { name, namespace = "" } = metadata;
  const ips = spec?.clusterIPs ?? (spec?.clusterIP === undefined ? [] : [spec.clusterIP]);
  const addresses = ips.filter((ip) => ip !== "" && ip !== "None");
  return {
    name,
    key: serviceKey(namespace, name),
    addresses,
    ports: tcpPorts(spec?.ports)
      .map((port) => ({
        port: port.port,
        protocol: protocolOf(port),
        ...(port.name ? { name: port.name } : {}),
      }))
      .sort((a, b) => a.port - b.port),
    ...(spec?.clusterIP === "None" && { headless: true }),
    ...exportTo(visibilityOfAnnotation(metadata.annotations?.[exportToAnnotation], namespace)),
  };
}

function exportTo(visibility: Visibility): Pick<IndexEntry, "exportTo"> {
  return visibility === "all" ? {} : { exportTo: sortedUnique(visibility) };
}

/** A host that is no Kubernetes service, and the namespace's VirtualServices that decide for some client of it. */
export interface BareHost {
  readonly key: string;
  readonly host: string;
  readonly entry: IndexEntry;
  readonly virtualServices: readonly VirtualService[];
}

export function bareHostsOf(cluster: Cluster, namespace: string): BareHost[] {
  const keys = cluster.virtualServices
    .by("namespace", namespace)
    .flatMap((virtualService) => bareHosts(virtualService, cluster.settings.clusterDomain));
  return sortedUnique(keys.map(({ key }) => key)).flatMap((key) => bareHost(cluster, key) ?? []);
}

/** The bare host under a made-up service key, unless its VirtualServices lose to older ones everywhere. */
export function bareHost(cluster: Cluster, key: string): BareHost | undefined {
  const { clusterDomain, rootNamespace } = cluster.settings;
  const { namespace, name } = splitKey(key);
  const host = cluster.virtualServices
    .by("bare", key)
    .flatMap((virtualService) => bareHosts(virtualService, clusterDomain))
    .find((bare) => bare.key === key)?.host;
  if (host === undefined) return undefined;
  const lookup = { host, serviceNamespace: namespace, rootNamespace, clusterDomain };
  const { common, special } = selections(cluster.claims(host), [], lookup);
  const winners = new Set(
    [common, ...special.values()].flatMap(({ virtualService }) => virtualService ?? []),
  );
  const virtualServices = [...winners].filter(({ metadata }) => (metadata.namespace ?? "") === namespace);
  if (virtualServices.length === 0) return undefined;
  const entry = {
    name,
    key: serviceKey(namespace, name),
    addresses: [],
    ports: [],
    hosts: [host],
    ...exportTo(union(virtualServices.map(({ spec }) => visibilityOf(spec?.exportTo, namespace)))),
  };
  return { key, host, entry, virtualServices };
}

function union(visibilities: readonly Visibility[]): Visibility {
  const namespaces = new Set<string>();
  for (const visibility of visibilities) {
    if (visibility === "all") return "all";
    for (const namespace of visibility) namespaces.add(namespace);
  }
  return namespaces;
}
