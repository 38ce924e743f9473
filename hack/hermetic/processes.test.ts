import { describe, expect, it } from "vitest";
import { componentOf, nodeOf } from "./processes.ts";

describe("what a process is", () => {
  it.each([
    [["bash", "/repo/hack/hermetic/node.sh", "node-2", "/cache/cluster"], "node-2"],
    // The parent outside carries the same words.
    [["unshare", "--net", "bash", "/repo/hack/hermetic/node.sh", "node-2", "/cache/cluster"], undefined],
    [["bash", "/repo/hack/hermetic/node.sh", "--help"], undefined],
    [["vi", "/repo/hack/hermetic/node.sh", "node-2"], undefined],
    [[], undefined],
  ])("%j is the node %s", (args, name) => {
    expect(nodeOf(args)).toBe(name);
  });

  it.each([
    [["/cache/weft-kube", "kubelet", "--config=a"], "kubelet"],
    [["/cache/weft-kube", "etcd"], "etcd"],
    [["containerd", "--config=a"], "containerd"],
    [["/usr/bin/containerd-shim-runc-v2", "-namespace", "k8s.io"], undefined],
    [["/cache/weft-kube", "kubectl", "get", "pods"], undefined],
    [["kubectl", "get", "pods"], undefined],
  ])("%j is the component %s", (args, name) => {
    expect(componentOf(args)).toBe(name);
  });
});
