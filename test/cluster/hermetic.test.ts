import { type ChildProcess, spawn } from "node:child_process";
import { access, readdir, readFile, readlink } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { hierarchies } from "../../hack/hermetic/cgroups.ts";
import { clusterFolder } from "../../hack/hermetic/layout.ts";
import {
  apply,
  call,
  deployment,
  eventually,
  get,
  kubectl,
  namespace,
  podsIn,
  rollout,
  root,
  run,
  service,
} from "../support/e2e.ts";

const ns = "cluster";

/** `hack/cluster ARGS`, which must succeed; returns its standard output. */
async function cluster(...args: string[]): Promise<string> {
  const output = await run("hack/cluster", args, { timeoutMs: 180_000 });
  expect(output.code, `hack/cluster ${args.join(" ")}: ${output.stderr}${output.stdout}`).toBe(0);
  return output.stdout;
}

interface Status {
  state: string;
  version?: string;
  nodes: {
    name: string;
    address: string;
    zone: string;
    ready: boolean;
    components: Record<string, boolean>;
  }[];
}

/** `status` exits with 3 unless everything runs, so its exit code is part of the answer. */
async function status(): Promise<Status & { code: number }> {
  const output = await run("hack/cluster", ["status", "-o", "json"]);
  return { ...(JSON.parse(output.stdout) as Status), code: output.code };
}

/** What the command lines of the cluster's processes have; an API server of the integration tests has none of it. */
const own = [clusterFolder(), "containerd", "/hermetic/node.sh", "/coredns -conf", "/pause"];

/** What a cluster could leave on this machine, by kind: names of things, sorted. */
async function traces(): Promise<Record<string, string[]>> {
  const lines = async (command: string, args: readonly string[]) => {
    const output = await run(command, args);
    expect(output.code, output.stderr).toBe(0);
    return output.stdout.split("\n").filter((line) => line !== "");
  };
  const links = (await lines("ip", ["-oneline", "link", "show"])).map((line) => line.split(": ")[1] ?? line);
  const mounts = (await readFile("/proc/self/mountinfo", "utf8"))
    .split("\n")
    .map((line) => line.split(" ")[4] ?? "");
  const folders = ["/run/netns", "/var/lib", "/var/log", "/usr/libexec", "/etc/cni", "/opt/cni"];
  const cgroups = await Promise.all((await hierarchies()).map(({ mount }) => subfolders(mount, 2)));
  const processes = await Promise.all(
    (await readdir("/proc")).filter((name) => /^\d+$/.test(name)).map(describeProcess),
  );
  return {
    processes: processes.filter((text) => own.some((word) => text.includes(word))).sort(),
    networkNamespaces: [...new Set(processes.map((text) => text.split(" ")[0] ?? ""))].filter(Boolean).sort(),
    links: links.sort(),
    routes: (await lines("ip", ["route", "show", "table", "all"])).sort(),
    rules: await lines("nft", ["list", "ruleset"]),
    mounts: mounts.sort(),
    cgroups: cgroups.flat().sort(),
    files: (await Promise.all(folders.map((folder) => subfolders(folder, 1)))).flat().sort(),
  };
}

/** The process's network namespace and command line; "" when it has just ended. */
async function describeProcess(pid: string): Promise<string> {
  const namespace = await readlink(`/proc/${pid}/ns/net`).catch(() => undefined);
  const command = await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "");
  return namespace === undefined ? "" : `${namespace} ${command.replaceAll("\0", " ").trim()}`;
}

async function subfolders(folder: string, depth: number): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  const found = entries.filter((entry) => entry.isDirectory()).map((entry) => `${folder}/${entry.name}`);
  if (depth === 1) return found;
  return [...found, ...(await Promise.all(found.map((path) => subfolders(path, depth - 1)))).flat()];
}

type Traces = Awaited<ReturnType<typeof traces>>;

/** Other work on the machine may end meanwhile, and takes its own namespaces and cgroups with it: only new ones are left behind. */
function withoutEnded(found: Traces, expected: Traces): Traces {
  const ended = (kind: "networkNamespaces" | "cgroups") =>
    expected[kind]?.filter((name) => !found[kind]?.includes(name)) ?? [];
  return {
    ...found,
    networkNamespaces: [...(found.networkNamespaces ?? []), ...ended("networkNamespaces")].sort(),
    cgroups: [...(found.cgroups ?? []), ...ended("cgroups")].sort(),
  };
}

/** Network namespaces and cgroups of ended processes go a moment after them. */
async function expectTraces(expected: Traces): Promise<void> {
  const look = async () => withoutEnded(await traces(), expected);
  let found = await look();
  for (let i = 0; i < 200 && JSON.stringify(found) !== JSON.stringify(expected); i++) {
    await delay(100);
    found = await look();
  }
  expect(found).toEqual(expected);
}

let before: Traces | undefined;
let child: ChildProcess | undefined;
/** Of the test application's image. */
let archive: string;

describe("the hermetic cluster", () => {
  // Before anything is looked at: the first build on a machine installs its tools, whose traces are not the cluster's.
  beforeAll(async () => {
    archive = (await run("hack/image", ["build", "test-app"], { timeoutMs: 300_000 })).stdout.trim();
  }, 300_000);
  afterAll(async () => {
    child?.kill("SIGKILL");
    await run("hack/cluster", ["down"], { timeoutMs: 60_000 });
  });

  it("is not up to begin with, and says what to do", async () => {
    await cluster("down");
    before = await traces();
    expect(await status()).toMatchObject({ code: 3, state: "down", nodes: [] });
    expect(await run("hack/cluster", ["kubeconfig"])).toMatchObject({ code: 3, stdout: "" });
    const refused = await run("hack/kubectl", ["get", "nodes"]);
    expect(refused.stderr).toContain("next: hack/cluster up");
  });

  it("comes up after an `up` that was killed in the middle", async () => {
    child = spawn("hack/cluster", ["up", "--nodes", "2"], { cwd: root, stdio: ["ignore", "ignore", "pipe"] });
    const started = new Promise<void>((done) => {
      child?.stderr?.on("data", (text: Buffer) => text.toString().includes("starting node-1") && done());
    });
    await started;
    await delay(1_000);
    child.kill("SIGKILL");
    expect((await run("hack/cluster", ["kubeconfig"])).code).toBe(3);
    const start = Date.now();
    await cluster("up", "--nodes", "2");
    console.log(`hack/cluster up --nodes 2: ${((Date.now() - start) / 1000).toFixed(1)} s`);
  });

  it("has two Ready nodes in two zones, with every component running", async () => {
    const now = await status();
    expect(now).toMatchObject({ code: 0, state: "up", version: "v1.36.3" });
    expect(now.nodes.map(({ name, zone, ready }) => ({ name, zone, ready }))).toEqual([
      { name: "node-1", zone: "zone-1", ready: true },
      { name: "node-2", zone: "zone-2", ready: true },
    ]);
    for (const node of now.nodes) expect(Object.values(node.components)).not.toContain(false);
    const nodes = await get<{ items: { metadata: { labels: Record<string, string> } }[] }>(["nodes"]);
    expect(nodes.items.map(({ metadata }) => metadata.labels["topology.kubernetes.io/zone"])).toEqual([
      "zone-1",
      "zone-2",
    ]);
    expect(nodes.items[0]?.metadata.labels["topology.kubernetes.io/region"]).toBe("local");
  });

  it("is left as it is by another `up`", async () => {
    const nodes = (await get<{ items: { metadata: { uid: string } }[] }>(["nodes"])).items.map(
      (node) => node.metadata.uid,
    );
    await cluster("up");
    const now = (await get<{ items: { metadata: { uid: string } }[] }>(["nodes"])).items.map(
      (node) => node.metadata.uid,
    );
    expect(now).toEqual(nodes);
  });

  it("runs loaded images, with traffic between pods, Services and the host across both nodes", async () => {
    await cluster("load", archive);
    const on = (node: string) =>
      deployment({ name: `echo-${node}`, app: "echo", version: node, namespace: ns }).map((object) =>
        pin(object, node),
      );
    await namespace(ns, { injected: false });
    await apply(service(ns, "echo"), ...on("node-1"), ...on("node-2"));
    await rollout(ns, "echo-node-1", "echo-node-2");
    for (const from of ["node-1", "node-2"]) {
      await eventually(`a pod on ${from} reaches both nodes' pods through the Service`, async () => {
        const summary = await call(ns, `deploy/echo-${from}`, `http://echo.${ns}:8080/`, {
          count: 40,
          keepalive: false,
        });
        return summary.ok === 40 && Object.keys(summary.byVersion).length === 2;
      });
    }
    const pods = await podsIn<{ status: { podIP: string }; spec: { nodeName: string } }>(ns);
    for (const { status, spec } of pods) {
      const answer = (await (await fetch(`http://${status.podIP}:8080/`)).json()) as { version: string };
      expect(answer.version).toBe(spec.nodeName);
    }
    expect(await kubectl(["logs", "-n", ns, "deploy/echo-node-2"])).toBeDefined();
  });

  it("stops and starts its API server while pods go on", async () => {
    const pods = await get<{ items: { status: { podIP: string } }[] }>(["pods", "-n", ns]);
    await cluster("component", "stop", "kube-apiserver", "--signal", "KILL");
    const now = await status();
    expect(now).toMatchObject({ code: 3, state: "degraded" });
    expect(now.nodes[0]?.components).toMatchObject({ "kube-apiserver": false, etcd: true, kubelet: true });
    expect((await fetch(`http://${pods.items[0]?.status.podIP}:8080/`)).status).toBe(200);
    await cluster("component", "start", "kube-apiserver");
    expect((await get<{ items: unknown[] }>(["pods", "-n", ns])).items).toHaveLength(2);
  });

  it("loses a node and gets it back, with the images that were loaded", async () => {
    await cluster("node", "stop", "2");
    expect((await status()).nodes.map(({ name }) => name)).toEqual(["node-1"]);
    await cluster("node", "start", "2");
    await rollout(ns, "echo-node-2");
    await eventually("the pod on node-2 serves again", async () => {
      const summary = await call(ns, "deploy/echo-node-1", `http://echo.${ns}:8080/`, {
        count: 40,
        keepalive: false,
      });
      return summary.ok === 40 && (summary.byVersion["node-2"] ?? 0) > 0;
    });
  });

  it("kills a container, which its kubelet starts again, and knows its memory", async () => {
    interface Pod {
      status: { containerStatuses: { containerID: string; restartCount: number }[] };
    }
    const container = async () => {
      const pods = await podsIn<Pod>(ns, "version=node-2");
      const [found] = pods.flatMap((pod) => pod.status.containerStatuses);
      if (found === undefined) throw new Error("no pod on node-2");
      return found;
    };
    // Its status may still be of before the node was lost.
    const { containerID, restartCount, memory } = await eventually("the container's memory", async () => {
      const found = await container();
      const text = await cluster("node", "memory", found.containerID, "-o", "json");
      return { ...found, memory: JSON.parse(text) as Record<string, number> };
    });
    expect(memory.rss).toBeGreaterThan(1e6);
    expect(memory.usage).toBeGreaterThanOrEqual(memory.rss ?? 0);
    await cluster("node", "kill-container", containerID);
    await eventually(
      "the container was restarted",
      async () => (await container()).restartCount > restartCount,
    );
  });

  it("leaves nothing behind: no process, mount, namespace, link, route, firewall rule, cgroup, file", async () => {
    const { stdout: kubeconfig } = await run("hack/cluster", ["kubeconfig"]);
    await cluster("down");
    if (before === undefined) throw new Error("the first test has not run");
    await expectTraces(before);
    await expect(access(kubeconfig.trim())).rejects.toThrow("ENOENT");
    await cluster("down");
  });
});

interface PodTemplate {
  readonly kind?: string;
  readonly spec?: { readonly template: { readonly spec: object } };
}

/** The Deployment with its pods on `node`; anything else unchanged. */
function pin(object: PodTemplate, node: string): object {
  if (object.kind !== "Deployment" || object.spec === undefined) return object;
  const { template, ...spec } = object.spec;
  const pinned = { ...template, spec: { ...template.spec, nodeName: node } };
  return { ...object, spec: { ...spec, template: pinned } };
}
