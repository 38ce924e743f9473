/** What a host that a rule names leads to. */
import type { Cluster } from "./cluster.ts";
import type { KnownService } from "./destinations.ts";
import { externalFor } from "./external.ts";
import { serviceKey, splitKey } from "./names.ts";
import { tcpPorts } from "./protocol.ts";

/** What a full host name leads to in a rule of `namespace`: a Kubernetes service, or a ServiceEntry's host. */
export function knownService(cluster: Cluster, host: string, namespace: string): KnownService | undefined {
  const service = cluster.serviceOf(host);
  if (service !== undefined) {
    const { name, namespace: own = "" } = service.metadata;
    return { key: serviceKey(own, name), ports: tcpPorts(service.spec?.ports).map(({ port }) => port) };
  }
  const external = externalFor(cluster, host, namespace);
  if (external === undefined) return undefined;
  const { namespace: own, name } = splitKey(external.key);
  return { key: serviceKey(own, name), ports: external.ports.map(({ port }) => port) };
}
