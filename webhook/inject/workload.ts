import type { Pod } from "./pod.ts";

/** The workload that a pod belongs to: the object a person made, not the ReplicaSet or Job in between. */
export interface Workload {
  readonly kind: string;
  readonly name: string;
}

/** CronJob names its Jobs `<name>-<minutes since the epoch>`: 8 digits since 1989, 9 from the year 3871. */
const cronJobChild = /^(.+)-\d{8,9}$/;

/**
 * Derives the workload from the pod's owner and labels alone, as no API call is allowed on this path:
 * a ReplicaSet's name without the pod-template-hash is its Deployment's (or Argo Rollout's).
 */
export function workloadOf(pod: Pod): Workload {
  const owner = pod.owners.find((candidate) => candidate.controller) ?? pod.owners[0];
  if (owner === undefined || owner.name === "") return { kind: "Pod", name: barePodName(pod) };
  switch (owner.kind) {
    case "ReplicaSet":
      return (
        templateOwner(owner.name, pod.labels["pod-template-hash"], "Deployment") ??
        templateOwner(owner.name, pod.labels["rollouts-pod-template-hash"], "Rollout") ?? {
          kind: "ReplicaSet",
          name: owner.name,
        }
      );
    case "Job": {
      const cronJob = cronJobChild.exec(owner.name)?.[1];
      return cronJob === undefined ? { kind: "Job", name: owner.name } : { kind: "CronJob", name: cronJob };
    }
    case "ReplicationController": {
      const config = pod.labels.deploymentconfig;
      const owned = config !== undefined && owner.name.startsWith(`${config}-`);
      return owned ? { kind: "DeploymentConfig", name: config } : { kind: owner.kind, name: owner.name };
    }
    case "Node": // a static pod's mirror is owned by its node
      return { kind: "Pod", name: barePodName(pod) };
    default:
      return { kind: owner.kind === "" ? "Pod" : owner.kind, name: owner.name };
  }
}

/** The form in which control and the proxy know it: `Deployment/payment-v2`. */
export function workloadReference(workload: Workload): string {
  return `${workload.kind}/${workload.name}`;
}

function templateOwner(replicaSet: string, hash: string | undefined, kind: string): Workload | undefined {
  if (hash === undefined || hash === "" || !replicaSet.endsWith(`-${hash}`)) return undefined;
  const name = replicaSet.slice(0, -hash.length - 1);
  return name === "" ? undefined : { kind, name };
}

/** With `generateName` the API server has not chosen the name yet: its stem stands for all such pods. */
function barePodName(pod: Pod): string {
  return pod.name ?? pod.generateName?.replace(/-+$/, "") ?? "unknown";
}
