/**
 * Opaque TCP whose address and name tell nothing: hosts of ServiceEntries that have no addresses are known by their port, and by
 * whether the dialled address is one of their endpoints. Istio takes every connection on such a port for the host's; here that is
 * so only where anything else would be refused, so that no connection ends up where nobody meant it to.
 */
import type { MeshView, Target } from "../../config/view.ts";
import type { Destination } from "../../net/original-destination.ts";

/** Hosts of one port that are asked for the address. */
const MOST_HOSTS = 16;

/** Undefined when it is no host's. `hosts` are those of the port, in order of precedence. */
export async function hostByPort(
  hosts: readonly Target[],
  destination: Destination,
  policy: MeshView["egress"]["outboundTrafficPolicy"],
): Promise<Target | undefined> {
  const loading = hosts.slice(0, MOST_HOSTS).map((host) => host.load().catch(() => undefined));
  const loaded = (await Promise.all(loading)).filter((host) => host !== undefined);
  const dialled = loaded.find((host) => {
    const cluster = host.tcp(destination);
    return cluster?.originalDestination === false && cluster.at(destination.address) !== undefined;
  });
  return dialled ?? (policy === "REGISTRY_ONLY" ? loaded[0] : undefined);
}
