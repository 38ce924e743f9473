/**
 * What balancing by zones needs to know of the client's side: a zone's endpoints are compared with the share of the clients that
 * run there, which no client can see for itself.
 */
import type { WorkloadConfigStatus } from "../../crds/workload-config.ts";
import type { Cluster } from "./cluster.ts";
import type { Pod } from "./inputs.ts";
import { compareText } from "./order.ts";
import { isReady, localityOf } from "./pods.ts";

type Zones = NonNullable<WorkloadConfigStatus["zones"]>;

/** How many of a workload's pods are ready in each zone, where some rule balances by them: else every pod would be a change. */
export function zonesOf(cluster: Cluster, pods: readonly Pod[]): Zones {
  if (cluster.rulesByZones === 0) return [];
  const counts = new Map<string, number>();
  for (const pod of pods) {
    if (!isReady(pod)) continue;
    const node = pod.spec?.nodeName === undefined ? undefined : cluster.nodes.get(pod.spec.nodeName);
    const locality = localityOf(pod, node, undefined);
    if (locality === undefined) continue;
    const zone = locality.split("/", 2).join("/");
    counts.set(zone, (counts.get(zone) ?? 0) + 1);
  }
  return [...counts]
    .map(([zone, ready]) => ({ zone, pods: ready }))
    .sort((a, b) => compareText(a.zone, b.zone));
}
