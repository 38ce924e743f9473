/** The `endpoints` parts of a service: its endpoints, joined with what the cluster says of them, and spread. */
import type { Endpoint, EndpointsPart } from "../../crds/service-config.ts";
import type { Cluster } from "./cluster.ts";
import { type EndpointContext, endpointsOf } from "./endpoints.ts";
import type { External } from "./external.ts";
import { externalEndpoints } from "./external-endpoints.ts";
import { serviceHost } from "./hosts.ts";
import type { DestinationRule, Service } from "./inputs.ts";
import type { TrafficPolicySpec } from "./istio.ts";
import { localityDefault } from "./load-balancer.ts";
import { serviceKey, splitKey } from "./names.ts";
import { type PeerPolicies, peerModes, peerPolicies } from "./peer-authentication.ts";
import { spread } from "./slices.ts";

export function compileEndpointsParts(cluster: Cluster, service: Service): EndpointsPart[] {
  const { name, namespace = "" } = service.metadata;
  const rules = cluster.rules(serviceHost(namespace, name, cluster.settings.clusterDomain));
  const priorities = localityDefault(service)?.failoverPriority ?? [];
  const context = contextOf(cluster, rules, priorities);
  const slices = cluster.slices.by("service", `${namespace}/${name}`);
  return partsOf(serviceKey(namespace, name), endpointsOf(service, slices, context));
}

/** The same of a ServiceEntry's host. */
export function compileExternalEndpoints(cluster: Cluster, external: External): EndpointsPart[] {
  const { namespace, name } = splitKey(external.key);
  const context = contextOf(cluster, cluster.rules(external.host), []);
  return partsOf(serviceKey(namespace, name), externalEndpoints(cluster, external, context));
}

function partsOf(key: string, endpoints: readonly Endpoint[]): EndpointsPart[] {
  const parts = spread(endpoints, ({ address }) => address);
  return parts.map((part, slice) => ({ key, slice, of: parts.length, endpoints: part }));
}

/** What endpoints are joined with; each namespace's policies are looked up once. */
function contextOf(
  cluster: Cluster,
  rules: readonly DestinationRule[],
  priorities: readonly string[],
): EndpointContext {
  const { settings } = cluster;
  const policies = new Map<string, PeerPolicies>();
  const policiesOf = (scope: string) => {
    const known = policies.get(scope);
    if (known !== undefined) return known;
    const found = peerPolicies(
      scope,
      settings.rootNamespace,
      (of) => cluster.peerAuthentications.by("namespace", of),
      settings.mtlsMode,
    );
    policies.set(scope, found);
    return found;
  };
  return {
    trustDomain: settings.trustDomain,
    pod: (key) => cluster.pods.get(key),
    node: (node) => cluster.nodes.get(node),
    modes: (pod) => peerModes(policiesOf(pod.metadata.namespace ?? ""), pod.metadata.labels),
    labelKeys: new Set([...rules.flatMap(usedLabels), ...priorities.map(labelKey)]),
  };
}

/** The labels by which a rule tells endpoints apart, whoever sees it. */
function usedLabels({ spec }: DestinationRule): string[] {
  const policies: (TrafficPolicySpec | undefined)[] = [spec?.trafficPolicy];
  const keys = (spec?.subsets ?? []).flatMap((subset) => {
    policies.push(subset.trafficPolicy);
    return Object.keys(subset.labels ?? {});
  });
  for (const policy of policies)
    for (const level of [policy, ...(policy?.portLevelSettings ?? [])])
      for (const setting of [level?.loadBalancer?.localityLbSetting, level?.loadBalancer?.zoneAwareLbSetting])
        keys.push(...(setting?.failoverPriority ?? []).map(labelKey));
  return keys;
}

/** An entry of `failoverPriority` is `key` or `key=value`. */
function labelKey(entry: string): string {
  return entry.split("=", 1)[0] ?? entry;
}
