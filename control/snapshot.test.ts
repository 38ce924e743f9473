import { describe, expect, it } from "vitest";
import { createStore, type MetaObject } from "../kube/index.ts";
import type { Node, Pod } from "./compile/inputs.ts";
import { changeOf, isNoise, snapshotOf } from "./snapshot.ts";
import { type Cached, stripNode, stripObject, stripPod } from "./strip.ts";

const pod = (version: number, more: Record<string, unknown> = {}): Cached<Pod> => ({
  metadata: {
    name: "web-1",
    namespace: "ns",
    uid: "u",
    resourceVersion: String(version),
    labels: { app: "web" },
    annotations: { "mesh.weft.dev/workload": "Deployment/web", "kubernetes.io/limit-ranger": "…" },
  },
  spec: {
    serviceAccountName: "web",
    nodeName: "n1",
    containers: [
      { name: "app", ports: [{ containerPort: 80 }], ...({ env: [{ name: "SECRET" }] } as object) },
      { name: "portless" },
    ],
    ...more,
  },
  status: {
    podIP: "10.0.0.1",
    podIPs: [{ ip: "10.0.0.1" }],
    conditions: [
      { type: "PodScheduled", status: "True" },
      { type: "Ready", status: "True", ...({ lastTransitionTime: "2026-01-01T00:00:00Z" } as object) },
    ],
  },
});

describe("what is kept of an object", () => {
  it("of a pod is who it is, where it is, and its ports", () => {
    expect(stripPod(pod(1))).toEqual({
      metadata: {
        name: "web-1",
        namespace: "ns",
        uid: "u",
        resourceVersion: "1",
        labels: { app: "web" },
        annotations: { "mesh.weft.dev/workload": "Deployment/web" },
      },
      spec: {
        serviceAccountName: "web",
        nodeName: "n1",
        containers: [{ name: "app", ports: [{ containerPort: 80 }] }],
        initContainers: [],
      },
      status: {
        podIP: "10.0.0.1",
        podIPs: [{ ip: "10.0.0.1" }],
        conditions: [{ type: "Ready", status: "True" }],
      },
    });
  });

  it("of a node is its locality", () => {
    const labels = { "topology.kubernetes.io/zone": "z1", "kubernetes.io/arch": "amd64" };
    const node: Cached<Node> = {
      metadata: { name: "n1", resourceVersion: "5", labels, annotations: { a: "b" } },
    };
    expect(stripNode(node)).toEqual({
      metadata: { name: "n1", resourceVersion: "5", labels: { "topology.kubernetes.io/zone": "z1" } },
    });
  });

  it("of anything else is all but what kubectl keeps for itself", () => {
    const annotations = { "kubectl.kubernetes.io/last-applied-configuration": "{…}", keep: "me" };
    expect(stripObject({ metadata: { name: "a", annotations } })).toEqual({
      metadata: { name: "a", annotations: { keep: "me" } },
    });
  });
});

describe("noise", () => {
  const base = stripPod(pod(1));
  it.each([
    ["another version of the same content", pod(2), true],
    [
      "another condition, which is not kept",
      {
        ...pod(2),
        status: {
          podIP: "10.0.0.1",
          podIPs: [{ ip: "10.0.0.1" }],
          conditions: [{ type: "Ready", status: "True" }],
        },
      },
      true,
    ],
    [
      "readiness",
      {
        ...pod(2),
        status: {
          podIP: "10.0.0.1",
          podIPs: [{ ip: "10.0.0.1" }],
          conditions: [{ type: "Ready", status: "False" }],
        },
      },
      false,
    ],
    ["another address", { ...pod(2), status: { podIP: "10.0.0.2" } }, false],
    ["a member more", pod(2, { hostNetwork: true }), false],
    [
      "a label more",
      { ...pod(2), metadata: { ...pod(2).metadata, labels: { app: "web", version: "v1" } } },
      false,
    ],
    [
      "a deletion under way",
      { ...pod(2), metadata: { ...pod(2).metadata, deletionTimestamp: "2026-01-01T00:00:00Z" } },
      false,
    ],
  ])("is told from change: %s", (_what, next, noise) => {
    expect(isNoise(base, stripPod(next))).toBe(noise);
  });
});

describe("the snapshot", () => {
  it("holds every store by key, and nothing for a kind that is not served", () => {
    const pods = createStore<MetaObject & Pod>();
    pods.set(pod(1));
    const snapshot = snapshotOf({ Pod: pods, VirtualService: undefined });
    expect([...(snapshot.Pod?.keys() ?? [])]).toEqual(["ns/web-1"]);
    expect(snapshot.VirtualService?.size).toBe(0);
  });

  it("is followed by changes: an object that came or changed, or the key of one that went", () => {
    const object = pod(1);
    expect(changeOf("Pod", { type: "add", object })).toEqual({ kind: "Pod", key: "ns/web-1", object });
    expect(changeOf("Pod", { type: "delete", object })).toEqual({ kind: "Pod", key: "ns/web-1" });
  });
});
