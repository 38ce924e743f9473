/** The `index` part: every name of a namespace that proxies may meet, by address or by host. */
import type { IndexEntry, IndexPart } from "../../crds/service-config.ts";
import { bareHostsOf } from "./bare-host.ts";
import type { Cluster } from "./cluster.ts";
import { externalEntry, externalsOf } from "./external.ts";
import { isServed } from "./indexers.ts";
import type { Service } from "./inputs.ts";
import { generationOf, serviceKey } from "./names.ts";
import { compareText, sortedUnique } from "./order.ts";
import { protocolOf, tcpPorts } from "./protocol.ts";
import type { CompiledPart } from "./service.ts";
import { exportToAnnotation, exportToOf, visibilityOfAnnotation } from "./visibility.ts";

/** The namespace's part, or undefined when there is nothing in it. */
export function compileIndexPart(cluster: Cluster, namespace: string): CompiledPart<IndexPart> | undefined {
  const services = cluster.services.by("namespace", namespace).filter(isServed).map(serviceEntry);
  const bare = bareHostsOf(cluster, namespace);
  const externals = externalsOf(cluster, namespace);
  const entries = [...services, ...bare.map(({ entry }) => entry), ...externals.map(externalEntry)];
  if (entries.length === 0) return undefined;
  const sources = bare.flatMap(({ virtualServices }) => virtualServices);
  return {
    part: { namespace, services: entries.sort((a, b) => compareText(a.name, b.name)) },
    generations: sortedUnique([
      ...sources.map(({ metadata }) => generationOf("VirtualService", metadata)),
      ...externals.flatMap(({ entries: of }) =>
        of.map(({ metadata }) => generationOf("ServiceEntry", metadata)),
      ),
    ]),
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
    ...exportToOf(visibilityOfAnnotation(metadata.annotations?.[exportToAnnotation], namespace)),
  };
}
