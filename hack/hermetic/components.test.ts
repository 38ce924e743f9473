import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { nodeAddress } from "./addresses.ts";
import { components, controlPlane, nodeComponents, nodeFiles } from "./components.ts";
import { importedNames } from "./images.ts";
import { layout } from "./layout.ts";
import { describeStatus } from "./status.ts";

const files = layout("/cache/cluster");
const binaries = { kube: "/bin/weft-kube", coredns: "/bin/coredns", pause: "/bin/pause" };
const of = (number: number) => components(nodeAddress(number), files, binaries);

describe("a node's components", () => {
  it("hold the control plane on node 1 alone", () => {
    expect([...of(1).keys()]).toEqual([...controlPlane, ...nodeComponents]);
    expect([...of(2).keys()]).toEqual([...nodeComponents]);
  });

  it("tell the zone", () => {
    expect(of(2).get("kubelet")?.args).toContain(
      "--node-labels=topology.kubernetes.io/region=local,topology.kubernetes.io/zone=zone-2",
    );
  });

  it("have configuration that is well-formed, with a cgroup of the node's own", () => {
    const made = nodeFiles(nodeAddress(2), files);
    expect(parse(made.get("kubelet.yaml") ?? "")).toMatchObject({
      cgroupRoot: "/weft-node-2",
      failCgroupV1: false,
    });
    expect(parse(made.get("kube-proxy.yaml") ?? "")).toMatchObject({ mode: "nftables" });
    const [ptp] = JSON.parse(made.get("cni/10-weft.conflist") ?? "").plugins;
    expect(ptp.ipam.ranges).toEqual([[{ subnet: "198.18.2.0/24" }]]);
  });
});

describe("what people and programs read", () => {
  it("are the names that an import prints", () => {
    const output =
      "unpacking weft.dev/proxy:dev (sha256:ab)...done\nunpacking weft.dev/a:1 (sha256:cd)...done\n";
    expect(importedNames(output)).toEqual(["weft.dev/proxy:dev", "weft.dev/a:1"]);
    expect(importedNames("")).toEqual([]);
  });

  it("is the next step, for a cluster that is down or lacks something", () => {
    expect(describeStatus({ state: "down", kind: "hermetic", nodes: [] })).toContain("Next: hack/cluster up");
    const node = {
      name: "node-1",
      address: "198.18.255.2",
      zone: "zone-1",
      ready: false,
      components: { kubelet: false, etcd: true },
    };
    const text = describeStatus({ state: "degraded", kind: "hermetic", nodes: [node] });
    expect(text).toContain("node-1  198.18.255.2  zone-1  NotReady  not running: kubelet\n");
  });
});
