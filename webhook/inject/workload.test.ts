import { describe, expect, test } from "vitest";
import { decodePod } from "./pod.ts";
import { workloadOf, workloadReference } from "./workload.ts";

function workload(metadata: Record<string, unknown>): string {
  const pod = decodePod({ metadata, spec: { containers: [{ name: "app" }] } }, "shop");
  if (typeof pod === "string") throw new Error(pod);
  return workloadReference(workloadOf(pod));
}

const owned = (kind: string, name: string, more: Record<string, unknown> = {}) => ({
  ownerReferences: [{ kind, name, controller: true }],
  ...more,
});

describe("the workload of a pod", () => {
  test.each([
    [
      "a Deployment's",
      owned("ReplicaSet", "a-b-7c9f8", { labels: { "pod-template-hash": "7c9f8" } }),
      "Deployment/a-b",
    ],
    [
      "an Argo Rollout's",
      owned("ReplicaSet", "a-7c9f8", { labels: { "rollouts-pod-template-hash": "7c9f8" } }),
      "Rollout/a",
    ],
    ["a lone ReplicaSet's", owned("ReplicaSet", "a-7c9f8"), "ReplicaSet/a-7c9f8"],
    [
      "a ReplicaSet's whose hash is another's",
      owned("ReplicaSet", "a-b", { labels: { "pod-template-hash": "c" } }),
      "ReplicaSet/a-b",
    ],
    ["a StatefulSet's", owned("StatefulSet", "db"), "StatefulSet/db"],
    ["a DaemonSet's", owned("DaemonSet", "agent"), "DaemonSet/agent"],
    ["a Job's", owned("Job", "migrate-1"), "Job/migrate-1"],
    ["a CronJob's", owned("Job", "report-28912345"), "CronJob/report"],
    [
      "a DeploymentConfig's",
      owned("ReplicationController", "a-3", { labels: { deploymentconfig: "a" } }),
      "DeploymentConfig/a",
    ],
    ["a ReplicationController's", owned("ReplicationController", "a-3"), "ReplicationController/a-3"],
    ["a custom controller's", owned("Sandbox", "a"), "Sandbox/a"],
    ["a static", owned("Node", "node-1", { name: "etcd-node-1" }), "Pod/etcd-node-1"],
    ["a bare", { name: "sleep" }, "Pod/sleep"],
    ["a bare one's that has no name yet", { generateName: "sleep-" }, "Pod/sleep"],
    ["a nameless", {}, "Pod/unknown"],
    [
      "several owners'",
      {
        ownerReferences: [
          { kind: "Set", name: "other" },
          { kind: "StatefulSet", name: "db", controller: true },
        ],
      },
      "StatefulSet/db",
    ],
  ])("%s pod", (_what, metadata, reference) => expect(workload(metadata)).toBe(reference));
});
