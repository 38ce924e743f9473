/** A workload's WorkloadConfig: what its sidecars take in, from whom, and how far they may reach out. */
import type { ConnectionPool } from "../../crds/service-config.ts";
import type { InboundPort, WorkloadConfigStatus } from "../../crds/workload-config.ts";
import { compileAuthorization } from "./authorization.ts";
import type { Cluster } from "./cluster.ts";
import type { CompiledOwner } from "./compiled.ts";
import { connectionPool } from "./connection-pool.ts";
import { selectDestinationRule } from "./destination-rule.ts";
import { serviceHost } from "./hosts.ts";
import { isServed } from "./indexers.ts";
import type { DestinationRule, Pod, Service, ServicePort } from "./inputs.ts";
import { isEmpty, type Labels, selects } from "./labels.ts";
import { generationOf, splitKey } from "./names.ts";
import { byAge, compareText, sortedUnique } from "./order.ts";
import { modeOfPort, type PeerModes, peerModes, peerPolicies } from "./peer-authentication.ts";
import { controllerOf, localityOf, namedPort, type WorkloadName } from "./pods.ts";
import { protocolOf, tcpPorts } from "./protocol.ts";
import { compileLimits } from "./rate-limit.ts";
import { compileRequestAuthentication } from "./request-authentication.ts";
import { forPort } from "./traffic-policy.ts";
import { zonesOf } from "./zones.ts";

type Content = Omit<WorkloadConfigStatus, "revision" | "hash" | "generations" | "writtenAt">;

export interface CompiledWorkload {
  readonly namespace: string;
  readonly workload: WorkloadName;
  readonly owner: CompiledOwner;
  readonly content: Content;
  readonly generations: readonly string[];
}

/** The workload under `namespace/Kind/name`, or undefined when no pod of it is left. */
export function compileWorkloadContent(cluster: Cluster, key: string): CompiledWorkload | undefined {
  const pods = cluster.pods.by("workload", key);
  const pod = representative(pods);
  if (pod === undefined) return undefined;
  const { namespace, name: rest } = splitKey(key);
  const { namespace: kind, name } = splitKey(rest);
  const { settings } = cluster;
  const labels = workloadLabels(pod);
  const policies = peerPolicies(
    namespace,
    settings.rootNamespace,
    (scope) => cluster.peerAuthentications.by("namespace", scope),
    settings.mtlsMode,
  );
  const modes = peerModes(policies, labels);
  const inbound = inboundPorts(cluster, pod, labels, modes);
  const localities = localitiesOf(cluster, pods);
  const zones = zonesOf(cluster, pods);
  const scopes = sortedUnique([settings.rootNamespace, namespace]);
  const authorization = compileAuthorization(
    scopes.flatMap((scope) => cluster.authorizationPolicies.by("namespace", scope)),
    labels,
  );
  const authentication = compileRequestAuthentication(
    scopes.flatMap((scope) => cluster.requestAuthentications.by("namespace", scope)),
    labels,
    (source) => cluster.keySets.get(source)?.jwks,
  );
  const limits = compileLimits(
    scopes.flatMap((scope) => cluster.rateLimits.by("namespace", scope)),
    scopes.flatMap((scope) => cluster.envoyFilters.by("namespace", scope)),
    labels,
  );
  return {
    namespace,
    workload: { kind, name },
    owner: ownerOf(pods, { kind, name }),
    content: {
      workload: { name, namespace, kind, labels },
      ...(localities.length > 0 && { localities }),
      ...(zones.length > 0 && { zones }),
      trustDomain: settings.trustDomain,
      trustBundle: settings.trustBundle,
      mtls: modes.mode,
      ports: inbound.ports,
      authorization: authorization.policies,
      egress: { outboundTrafficPolicy: settings.outboundTrafficPolicy },
      telemetry: {
        accessLog: settings.accessLog,
        ...(settings.accessLogEncoding !== "TEXT" && { accessLogEncoding: settings.accessLogEncoding }),
      },
      jwtRules: authentication.rules,
      ...(limits.limits.length > 0 && { rateLimits: limits.limits }),
      ...(limits.bodies.length > 0 && { bodyLimits: limits.bodies }),
    },
    generations: sortedUnique([
      ...modes.policies.map(({ metadata }) => generationOf("PeerAuthentication", metadata)),
      ...authorization.sources.map(({ metadata }) => generationOf("AuthorizationPolicy", metadata)),
      ...authentication.sources.map(({ metadata }) => generationOf("RequestAuthentication", metadata)),
      ...limits.sources,
      ...inbound.rules.map(({ metadata }) => generationOf("DestinationRule", metadata)),
    ]),
  };
}

/** Where its pods run. A pod's own label stands above this, and each pod knows its own. */
function localitiesOf(cluster: Cluster, pods: readonly Pod[]): NonNullable<Content["localities"]> {
  const nodes = sortedUnique(pods.flatMap(({ spec }) => spec?.nodeName ?? []));
  const byLocality = new Map<string, string[]>();
  for (const node of nodes) {
    const locality = localityOf(undefined, cluster.nodes.get(node), undefined);
    if (locality === undefined) continue;
    const there = byLocality.get(locality);
    if (there === undefined) byLocality.set(locality, [node]);
    else there.push(node);
  }
  return [...byLocality]
    .map(([locality, there]) => ({ locality, nodes: there }))
    .sort((a, b) => compareText(a.locality, b.locality));
}

/** Labels that tell one pod, or one generation of pods, from the next: a rollout must not look like a change. */
const perPodLabels: ReadonlySet<string> = new Set([
  "pod-template-hash",
  "pod-template-generation",
  "controller-revision-hash",
  "statefulset.kubernetes.io/pod-name",
  "apps.kubernetes.io/pod-index",
  "controller-uid",
  "job-name",
  "batch.kubernetes.io/controller-uid",
  "batch.kubernetes.io/job-name",
  "batch.kubernetes.io/job-completion-index",
]);

/** A pod's labels as its workload's. */
function workloadLabels(pod: Pod): Labels {
  const labels = Object.entries(pod.metadata.labels ?? {});
  return Object.fromEntries(labels.filter(([key]) => !perPodLabels.has(key)));
}

/**
 * The pod whose labels and ports stand for the workload's: of those that stay, one of the labels most of them have, so
 * that relabelling a single pod by hand takes no policy off the others; of equals, the youngest.
 */
function representative(pods: readonly Pod[]): Pod | undefined {
  const staying = pods.filter((pod) => pod.metadata.deletionTimestamp === undefined);
  const groups = Map.groupBy(staying.length > 0 ? staying : pods, (pod) =>
    JSON.stringify(Object.entries(workloadLabels(pod)).sort(([a], [b]) => compareText(a, b))),
  );
  const youngest = [...groups.values()].map((group) => ({
    size: group.length,
    pod: [...group].sort(byAge).at(-1),
  }));
  youngest.sort((a, b) => b.size - a.size || (a.pod && b.pod ? byAge(b.pod, a.pod) : 0));
  return youngest[0]?.pod;
}

const apiVersions: ReadonlyMap<string, string> = new Map([
  ["Deployment", "apps/v1"],
  ["ReplicaSet", "apps/v1"],
  ["StatefulSet", "apps/v1"],
  ["DaemonSet", "apps/v1"],
  ["Job", "batch/v1"],
  ["CronJob", "batch/v1"],
  ["ReplicationController", "v1"],
  ["Pod", "v1"],
]);

function ownerOf(pods: readonly Pod[], { kind, name }: WorkloadName): CompiledOwner {
  for (const pod of pods) {
    const { metadata } = pod;
    if (kind === "Pod" && metadata.name === name && metadata.uid !== undefined)
      return { apiVersion: "v1", kind, name, uid: metadata.uid };
    const owner = controllerOf(pod);
    if (owner?.kind === kind && owner.name === name)
      return { apiVersion: owner.apiVersion, kind, name, uid: owner.uid };
  }
  return { apiVersion: apiVersions.get(kind) ?? "v1", kind, name };
}

interface Inbound {
  readonly ports: InboundPort[];
  readonly rules: readonly DestinationRule[];
}

/** The container ports that services lead to, and those that a PeerAuthentication names; of several, the oldest's. */
function inboundPorts(cluster: Cluster, pod: Pod, labels: Labels, modes: PeerModes): Inbound {
  const namespace = pod.metadata.namespace ?? "";
  const ports = new Map<number, InboundPort>();
  const rules = new Set<DestinationRule>();
  const services = cluster.services
    .by("namespace", namespace)
    .filter((service) => isServed(service) && selectsPod(service, labels));
  for (const service of services.sort(byAge)) {
    const host = serviceHost(namespace, service.metadata.name, cluster.settings.clusterDomain);
    for (const servicePort of tcpPorts(service.spec?.ports)) {
      const port = targetPort(servicePort, pod);
      if (port === undefined || ports.has(port)) continue;
      const pool = inboundPool(cluster, namespace, host, servicePort.port);
      for (const rule of pool.rules) rules.add(rule);
      ports.set(port, {
        port,
        protocol: protocolOf(servicePort),
        mtls: modeOfPort(modes, port),
        service: host,
        ...(pool.connectionPool && { connectionPool: pool.connectionPool }),
      });
    }
  }
  for (const [port, mtls] of modes.ports)
    if (!ports.has(port)) ports.set(port, { port, protocol: "auto", mtls });
  return { ports: [...ports.values()].sort((a, b) => a.port - b.port), rules: [...rules] };
}

/** Whether a service's selector takes in a workload; without a selector its endpoints are no workload's. */
export function selectsPod(service: Service, labels: Labels): boolean {
  const { selector } = service.spec ?? {};
  return selector !== undefined && !isEmpty(selector) && selects(selector, labels);
}

function targetPort(port: ServicePort, pod: Pod): number | undefined {
  const target = port.targetPort ?? port.port;
  return typeof target === "number" ? target || port.port : namedPort(pod, target);
}

/** A DestinationRule's connection pool bounds the server's side, too; everything else in it is the client's. */
function inboundPool(
  cluster: Cluster,
  namespace: string,
  host: string,
  port: number,
): { connectionPool?: ConnectionPool; rules: readonly DestinationRule[] } {
  const { rootNamespace, clusterDomain } = cluster.settings;
  const lookup = { host, serviceNamespace: namespace, rootNamespace, clusterDomain };
  const rule = selectDestinationRule(cluster.rules(host), namespace, lookup);
  const pool = forPort(rule?.trafficPolicy, port).connectionPool;
  return pool === undefined
    ? { rules: [] }
    : { connectionPool: connectionPool(pool), rules: rule?.rules ?? [] };
}
