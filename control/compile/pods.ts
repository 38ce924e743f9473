/** What a pod says about itself: its workload, whether it has a sidecar, who it is, where it runs. */
import type { Container, Node, Owner, Pod } from "./inputs.ts";
import type { Labels } from "./labels.ts";

/** Written by the injector: `Kind/name` of the pod's workload. */
export const workloadAnnotation = "mesh.weft.dev/workload";
const sidecarAnnotation = "sidecar.istio.io/status";
const tlsModeLabel = "security.istio.io/tlsMode";
const revisionAnnotation = "istio.io/rev";

export interface WorkloadName {
  readonly kind: string;
  readonly name: string;
}

/** The workload that a pod belongs to: as the injector wrote it, else by its owner; a bare pod is its own. */
export function workloadOf(pod: Pod): WorkloadName {
  const [kind, name, ...more] = (pod.metadata.annotations?.[workloadAnnotation] ?? "").split("/");
  if (kind && name && more.length === 0) return { kind, name };
  const owner = controllerOf(pod);
  if (owner === undefined) return { kind: "Pod", name: pod.metadata.name };
  const hash = pod.metadata.labels?.["pod-template-hash"];
  if (owner.kind === "ReplicaSet" && hash !== undefined && owner.name.endsWith(`-${hash}`))
    return { kind: "Deployment", name: owner.name.slice(0, -hash.length - 1) };
  // A CronJob names its Jobs by the minute they are due.
  const cron = owner.kind === "Job" ? /^(.+)-\d{8,11}$/.exec(owner.name)?.[1] : undefined;
  return cron === undefined ? { kind: owner.kind, name: owner.name } : { kind: "CronJob", name: cron };
}

/** The owner that manages a pod, which need not be its workload: a Deployment's pods belong to a ReplicaSet. */
export function controllerOf(pod: Pod): Owner | undefined {
  return pod.metadata.ownerReferences?.find((owner) => owner.controller === true);
}

/** Whether the pod can be called by mutual TLS: the label decides, and the injector's record where there is none. */
export function hasSidecar(pod: Pod): boolean {
  const mode = tlsModeOf(pod.metadata.labels);
  return mode === undefined ? pod.metadata.annotations?.[sidecarAnnotation] !== undefined : mode === "istio";
}

/** What the label says of whether somebody takes mutual TLS: `istio` or not. */
export function tlsModeOf(labels: Labels | undefined): string | undefined {
  return labels?.[tlsModeLabel];
}

/** Whether the pod's sidecar takes its configuration from this revision. */
export function isConfiguredBy(pod: Pod, revision: string): boolean {
  const { annotations } = pod.metadata;
  if (annotations?.[sidecarAnnotation] === undefined && annotations?.[workloadAnnotation] === undefined)
    return false;
  return (annotations[revisionAnnotation] ?? revision) === revision;
}

/** The pod's own word, where there is no EndpointSlice. */
export function isReady({ metadata, status }: Pod): boolean {
  const ready = status?.conditions?.find(({ type }) => type === "Ready");
  return metadata.deletionTimestamp === undefined && ready?.status === "True";
}

/** The SPIFFE id that the pod's sidecar shows. */
export function identityOf(pod: Pod, trustDomain: string): string {
  return spiffeId(trustDomain, pod.metadata.namespace ?? "", pod.spec?.serviceAccountName || "default");
}

export function spiffeId(trustDomain: string, namespace: string, account: string): string {
  return `spiffe://${trustDomain}/ns/${namespace}/sa/${account}`;
}

/** The container ports that a named target port stands for; a native sidecar's are the pod's, too. */
export function namedPort(pod: Pod, name: string): number | undefined {
  const containers: readonly Container[] = [
    ...(pod.spec?.containers ?? []),
    ...(pod.spec?.initContainers ?? []),
  ];
  for (const container of containers)
    for (const port of container.ports ?? [])
      if (port.name === name && (port.protocol ?? "TCP") === "TCP") return port.containerPort;
  return undefined;
}

const regionLabel = "topology.kubernetes.io/region";
const zoneLabel = "topology.kubernetes.io/zone";
const subzoneLabel = "topology.istio.io/subzone";

/** The labels of a node that the compiler reads. */
export const localityLabels: readonly string[] = [regionLabel, zoneLabel, subzoneLabel];

/** `region/zone/subzone`: the pod's own label first, else its node's labels, else the zone its EndpointSlice names. */
export function localityOf(
  pod: Pod | undefined,
  node: Node | undefined,
  zone: string | undefined,
): string | undefined {
  const own =
    pod?.metadata.labels?.["topology.istio.io/locality"] ?? pod?.metadata.labels?.["istio-locality"];
  // A label value cannot hold a slash: Istio writes dots.
  if (own) return own.includes("/") ? own : own.replaceAll(".", "/");
  const labels: Labels = node?.metadata.labels ?? {};
  const parts = [labels[regionLabel] ?? "", labels[zoneLabel] ?? zone ?? "", labels[subzoneLabel] ?? ""];
  while (parts.at(-1) === "") parts.pop();
  return parts.length === 0 ? undefined : parts.join("/");
}
