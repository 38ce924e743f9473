/** What control keeps of the objects it watches: a cluster has thousands, and most of each is nobody's business here. */
import type { MetaObject, ObjectMeta } from "../kube/index.ts";
import type { Node, Pod } from "./compile/inputs.ts";
import { localityLabels, workloadAnnotation } from "./compile/pods.ts";

/** An input of the compiler as an informer holds it. */
export type Cached<T> = MetaObject & T;

const podAnnotations = [workloadAnnotation, "sidecar.istio.io/status", "istio.io/rev"];

/** A pod without its spec's environment, volumes and probes, and of its conditions `Ready` alone: about 1 KB in place of 10. */
export function stripPod(pod: Cached<Pod>): Cached<Pod> {
  const { spec, status } = pod;
  const ports = (containers: NonNullable<Pod["spec"]>["containers"]) =>
    (containers ?? [])
      .filter((container) => (container.ports ?? []).length > 0)
      .map(({ name, ports }) => ({ name, ...(ports === undefined ? {} : { ports }) }));
  return {
    metadata: stripMeta(pod.metadata, podAnnotations),
    spec: {
      ...pick(spec ?? {}, ["serviceAccountName", "nodeName", "hostNetwork"]),
      containers: ports(spec?.containers),
      initContainers: ports(spec?.initContainers),
    },
    status: {
      ...pick(status ?? {}, ["podIP", "podIPs"]),
      conditions: (status?.conditions ?? [])
        .filter(({ type }) => type === "Ready")
        .map(({ type, status: is }) => ({ type, status: is })),
    },
  };
}

/** A node's locality; its heartbeats and images change nothing here. */
export function stripNode(node: Cached<Node>): Cached<Node> {
  const { name, uid, resourceVersion, labels = {} } = node.metadata;
  return {
    metadata: {
      name,
      ...(uid === undefined ? {} : { uid }),
      ...(resourceVersion === undefined ? {} : { resourceVersion }),
      labels: pick(labels, localityLabels),
    },
  };
}

/** Leaves an object as it is save for the copy of itself that `kubectl apply` keeps in an annotation. */
export function stripObject<T extends MetaObject>(object: T): T {
  if (object.metadata.annotations !== undefined) {
    delete object.metadata.annotations["kubectl.kubernetes.io/last-applied-configuration"];
  }
  return object;
}

function stripMeta(metadata: ObjectMeta, annotations: readonly string[]): ObjectMeta {
  const kept = pick(metadata, [
    "namespace",
    "uid",
    "resourceVersion",
    "generation",
    "labels",
    "ownerReferences",
    "creationTimestamp",
    "deletionTimestamp",
  ]);
  return { name: metadata.name, ...kept, annotations: pick(metadata.annotations ?? {}, annotations) };
}

function pick<T extends object, K extends keyof T>(from: T, keys: readonly K[]): Pick<T, K> {
  const picked: Partial<Pick<T, K>> = {};
  for (const key of keys) if (from[key] !== undefined) picked[key] = from[key];
  return picked as Pick<T, K>;
}
