/** What an object is found by: the keys of the Cluster's indexes. */
import { delegateKey } from "./delegate.ts";
import { serviceNameLabel } from "./endpoints.ts";
import { isBareHost, resolveHost } from "./hosts.ts";
import type { EndpointSlice, Pod, Service, ServiceEntry, VirtualService } from "./inputs.ts";
import { bareHostName, keyOf } from "./names.ts";
import { workloadOf } from "./pods.ts";
import { tcpPorts } from "./protocol.ts";
import { claimedHosts } from "./virtual-service.ts";

/** Whether the mesh routes calls to a service: an alias of another name, or one without TCP ports, it leaves alone. */
export function isServed(service: Service): boolean {
  return service.spec?.type !== "ExternalName" && tcpPorts(service.spec?.ports).length > 0;
}

/** `namespace/Kind/name`. */
export function workloadKeyOf(pod: Pod): string {
  const { kind, name } = workloadOf(pod);
  return `${pod.metadata.namespace ?? ""}/${kind}/${name}`;
}

/** The hosts of a VirtualService that stand for themselves in its namespace's index, with their made-up keys. */
export function bareHosts(
  virtualService: VirtualService,
  clusterDomain: string,
): { host: string; key: string }[] {
  const namespace = virtualService.metadata.namespace ?? "";
  return claimedHosts(virtualService, clusterDomain)
    .filter((host) => isBareHost(host, clusterDomain))
    .map((host) => ({ host, key: `${namespace}/${bareHostName(host)}` }));
}

/** The hosts of a ServiceEntry as they stand alone, with their made-up keys. */
export function externalHosts({ metadata, spec }: ServiceEntry): { host: string; key: string }[] {
  return (spec?.hosts ?? []).flatMap((text) => {
    const host = text.toLowerCase().replace(/\.$/, "");
    return host === "" || host === "*"
      ? []
      : { host, key: `${metadata.namespace ?? ""}/${bareHostName(host)}` };
  });
}

/** The service that an EndpointSlice belongs to. */
export function serviceKeysOf(slice: EndpointSlice): string[] {
  const name = slice.metadata.labels?.[serviceNameLabel];
  return name === undefined ? [] : [`${slice.metadata.namespace ?? ""}/${name}`];
}

/** The pods that an EndpointSlice speaks of. */
export function podKeysOf(slice: EndpointSlice): string[] {
  return (slice.endpoints ?? []).flatMap(({ targetRef }) => {
    if (targetRef?.kind !== "Pod" || targetRef.name === undefined) return [];
    return [
      keyOf({ namespace: targetRef.namespace ?? slice.metadata.namespace ?? "", name: targetRef.name }),
    ];
  });
}

/** The nodes that an EndpointSlice speaks of. */
export function nodeNamesOf(slice: EndpointSlice): string[] {
  return (slice.endpoints ?? []).flatMap(({ nodeName }) => nodeName ?? []);
}

/** The VirtualServices that one delegates to. */
export function delegateKeys(virtualService: VirtualService): string[] {
  const namespace = virtualService.metadata.namespace ?? "";
  return (virtualService.spec?.http ?? []).flatMap((route) => delegateKey(route, namespace) ?? []);
}

/** Every host that a VirtualService's routes lead or mirror to: whether it exists, and on which ports, counts. */
export function destinationHosts(virtualService: VirtualService, clusterDomain: string): string[] {
  const { http, tcp, tls } = virtualService.spec ?? {};
  const destinations = [
    ...(http ?? []).flatMap((route) => [
      ...(route.route ?? []).map(({ destination }) => destination),
      ...(route.mirror === undefined ? [] : [route.mirror]),
      ...(route.mirrors ?? []).map(({ destination }) => destination),
    ]),
    ...[...(tcp ?? []), ...(tls ?? [])].flatMap(({ route }) =>
      (route ?? []).map(({ destination }) => destination),
    ),
  ];
  const namespace = virtualService.metadata.namespace ?? "";
  return destinations.map(({ host }) => resolveHost(host, namespace, clusterDomain));
}
