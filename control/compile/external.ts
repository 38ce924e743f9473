/**
 * Hosts of ServiceEntries. Each host is a service of its own, under a made-up name; several ServiceEntries of a namespace that
 * name one host are one: the oldest says how it is reached and by whom, and those that agree on how add ports and endpoints.
 */
import type { IndexEntry, IndexPort, ServicePart } from "../../crds/service-config.ts";
import type { Cluster } from "./cluster.ts";
import { externalHosts } from "./indexers.ts";
import type { ServiceEntry } from "./inputs.ts";
import type { ServiceEntryPortSpec } from "./istio.ts";
import { bareHostName, keyOf, serviceKey, splitKey } from "./names.ts";
import { byAge, compareText } from "./order.ts";
import { validPort } from "./ports.ts";
import { protocolOf } from "./protocol.ts";
import { exportToOf, isVisible, type Visibility, visibilityOf } from "./visibility.ts";

export type Resolution = NonNullable<ServicePart["resolution"]>;

export interface External {
  /** `namespace/host-…`. */
  readonly key: string;
  readonly namespace: string;
  readonly host: string;
  /** What it is made of, the oldest first. */
  readonly entries: readonly ServiceEntry[];
  readonly resolution: Resolution;
  /** Outside the mesh: no mutual TLS with what is behind it. */
  readonly isOutside: boolean;
  readonly ports: readonly IndexPort[];
  readonly visibility: Visibility;
}

/** What ServiceEntries say of the host under a key; undefined when none does, or when a Kubernetes service has the name. */
export function external(cluster: Cluster, key: string): External | undefined {
  const [oldest, ...others] = cluster.serviceEntries.by("external", key).sort(byAge);
  const host = oldest && externalHosts(oldest).find((each) => each.key === key)?.host;
  if (oldest === undefined || host === undefined || cluster.serviceOf(host) !== undefined) return undefined;
  const resolution = resolutionOf(oldest);
  const entries = [oldest, ...others.filter((other) => resolutionOf(other) === resolution)];
  const { namespace } = splitKey(key);
  return {
    key,
    namespace,
    host,
    entries,
    resolution,
    isOutside: oldest.spec?.location !== "MESH_INTERNAL",
    ports: portsOf(entries),
    visibility: visibilityOf(oldest.spec?.exportTo, namespace),
  };
}

/** The hosts of a namespace's ServiceEntries. */
export function externalsOf(cluster: Cluster, namespace: string): External[] {
  const entries = cluster.serviceEntries.by("namespace", namespace);
  const keys = new Set(entries.flatMap((entry) => externalHosts(entry).map(({ key }) => key)));
  return [...keys].flatMap((key) => external(cluster, key) ?? []);
}

/**
 * Whose ServiceEntries speak for a host where a rule of `namespace` names it: its own, then those that it sees, by namespace.
 * Proxies take the host in the same order.
 */
export function externalFor(cluster: Cluster, host: string, namespace: string): External | undefined {
  const keys = new Set(
    cluster.serviceEntries
      .by("host", host)
      .map(({ metadata }) => `${metadata.namespace ?? ""}/${bareHostName(host)}`),
  );
  const rank = (found: External) =>
    found.namespace === namespace ? 0 : isVisible(found.visibility, namespace) ? 1 : 2;
  return [...keys]
    .flatMap((key) => external(cluster, key) ?? [])
    .sort((a, b) => rank(a) - rank(b) || compareText(a.namespace, b.namespace))[0];
}

/** Its line in the namespace's index. */
export function externalEntry({ key, namespace, host, entries, ports, visibility }: External): IndexEntry {
  const { name } = splitKey(key);
  return {
    name,
    key: serviceKey(namespace, name),
    addresses: [...new Set(entries.flatMap(({ spec }) => spec?.addresses ?? []))],
    ports: [...ports],
    hosts: [host],
    ...exportToOf(visibility),
  };
}

/** Every ServiceEntry that goes into it, by name. */
export function entryKeys({ entries }: External): string[] {
  return entries.map(({ metadata }) => keyOf(metadata));
}

/** DYNAMIC_DNS is a wildcard whose names the proxy would resolve: the client has, and dials what it found. */
function resolutionOf({ spec }: ServiceEntry): Resolution {
  const resolution = spec?.resolution ?? "NONE";
  return resolution === "DYNAMIC_DNS" ? "NONE" : resolution;
}

/** The TCP ports that a ServiceEntry has. */
export function tcpPortsOf({ spec }: ServiceEntry): ServiceEntryPortSpec[] {
  return (spec?.ports ?? []).filter(
    ({ number, protocol }) => validPort(number) !== undefined && protocol?.toUpperCase() !== "UDP",
  );
}

/** Of one number, the oldest's. */
function portsOf(entries: readonly ServiceEntry[]): IndexPort[] {
  const ports = new Map<number, IndexPort>();
  for (const { number, protocol = "", name } of entries.flatMap(tcpPortsOf)) {
    if (ports.has(number)) continue;
    // A ServiceEntry's port says its protocol or none: its name is a name.
    const spoken = protocolOf({ appProtocol: protocol, port: number });
    ports.set(number, { port: number, protocol: spoken, ...(name ? { name } : {}) });
  }
  return [...ports.values()].sort((a, b) => a.port - b.port);
}
