import { describe, expect, it } from "vitest";
import { nodeCgroup, parseHierarchies, parseMemoryStat } from "./cgroups.ts";

const v1 = `24 30 0:6 / /dev rw,nosuid - devtmpfs udev rw,size=4k
32 31 0:29 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory
33 31 0:30 / /sys/fs/cgroup/cpu,cpuacct rw,relatime shared:9 - cgroup cgroup rw,cpu,cpuacct
34 31 0:31 / /sys/fs/cgroup/systemd rw,relatime - cgroup cgroup rw,xattr,name=systemd
35 31 0:32 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw
`;

describe("cgroup hierarchies", () => {
  it("are found on a machine with cgroup v1, as hybrid as it may be", () => {
    expect(parseHierarchies(v1)).toEqual([
      { mount: "/sys/fs/cgroup/memory", version: 1, controllers: ["memory"] },
      { mount: "/sys/fs/cgroup/cpu,cpuacct", version: 1, controllers: ["cpu", "cpuacct"] },
      { mount: "/sys/fs/cgroup/systemd", version: 1, controllers: ["name=systemd"] },
      { mount: "/sys/fs/cgroup/unified", version: 2, controllers: [] },
    ]);
  });

  it("are one with cgroup v2", () => {
    const line =
      "30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate,memory_recursiveprot";
    expect(parseHierarchies(line)).toEqual([{ mount: "/sys/fs/cgroup", version: 2, controllers: [] }]);
  });

  it("are none where none is mounted", () => {
    expect(parseHierarchies("")).toEqual([]);
    expect(parseHierarchies("24 30 0:6 / /dev rw - devtmpfs udev rw")).toEqual([]);
  });

  it("hold a node under a name that says whose it is", () => {
    expect(nodeCgroup("node-2")).toBe("weft-node-2");
  });
});

describe("a container's memory", () => {
  it("is read with the children's share from cgroup v1", () => {
    expect(parseMemoryStat("cache 1\nrss 2\ntotal_cache 4096\ntotal_rss 8192\n")).toEqual({
      cache: 4096,
      rss: 8192,
    });
  });
  it("is read from cgroup v2", () => {
    expect(parseMemoryStat("anon 8192\nfile 4096\nkernel 1\n")).toEqual({ cache: 4096, rss: 8192 });
  });
});
