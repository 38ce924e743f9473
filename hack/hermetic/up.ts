import { mkdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { apiPort, maxNodes, type NodeAddress, nodeAddress } from "./addresses.ts";
import { type Api, connect } from "./api.ts";
import { type Binaries, ensureBinaries, kubernetesVersion } from "./binaries.ts";
import { components, controlPlane, nodeComponents } from "./components.ts";
import { writeCredentials } from "./credentials.ts";
import { importImage, keptArchives, nodeImages } from "./images.ts";
import type { Layout } from "./layout.ts";
import { createNode, destroyNodes, isLinked, linkNode, startComponent } from "./node.ts";
import { otherCluster, runningComponents, runningNodes } from "./processes.ts";
import { run, waitFor } from "./run.ts";
import { isReady, type NodeObject } from "./status.ts";

/** Hears what is being done, for a person to read. */
export type Report = (message: string) => void;

/** Changes with the layout of the cluster's files: another one's cluster is started anew. */
const format = `1 ${kubernetesVersion}`;

/**
 * Brings nodes 1 to `nodes` up, or back to what they should be; returns once all are Ready and names resolve.
 * What an `up` that was killed left is removed first. Rejects with the end of a component's log when one fails.
 */
export async function up(nodes: number, files: Layout, report: Report): Promise<void> {
  const other = await otherCluster();
  if (other !== undefined) {
    // Addresses and links are the machine's: two clusters would meet.
    const next = `next: WEFT_CACHE=${dirname(other)} hack/cluster down`;
    throw new Error(
      `the cluster of another cache, ${other}, is up; expected at most one on a machine; ${next}`,
    );
  }
  const binaries = await ensureBinaries(report);
  const archives = await nodeImages(binaries);
  const wanted = Array.from({ length: nodes }, (_, index) => nodeAddress(index + 1));
  if (!(await isComplete(files))) await prepare(files, binaries, report);

  const created = await ensureNodes(wanted, files, report);
  const [hub] = wanted;
  const pids = await runningNodes();
  const hubPid = hub && pids.get(hub.name);
  if (hub === undefined || hubPid === undefined)
    throw new Error("node-1 is not running: see node-1/logs/node.log");

  const start = async (node: NodeAddress, names: readonly string[]) => {
    const pid = pids.get(node.name);
    if (pid === undefined) throw new Error(`${node.name} is not running: see its logs/node.log`);
    const running = await runningComponents(pid);
    const all = components(node, files, binaries);
    for (const name of names) {
      const component = all.get(name);
      if (component === undefined || running.has(name)) continue;
      await startComponent(component, pid, files.node(node.name).logs);
    }
  };

  // etcd, the API server and every node's containerd with its images come up side by side.
  await start(hub, ["etcd", "kube-apiserver"]);
  const images = wanted.map(async (node) => {
    await start(node, ["containerd"]);
    if (!created.has(node.name)) return;
    await importAll([...archives, ...(await keptArchives(files))], node, pids);
  });
  const api = await connect(files.kubeconfig);
  try {
    await Promise.all([waitForApi(api, hubPid, files), ...images]);
    report("API server ready; starting the controllers and the kubelets");
    await start(hub, controlPlane);
    const kubectl = ["--kubeconfig", files.kubeconfig, "apply", "--server-side", "--force-conflicts", "-f"];
    await Promise.all([
      ...wanted.map((node) => start(node, nodeComponents)),
      run(files.kubectl, [...kubectl, join(import.meta.dirname, "coredns.yaml")]),
    ]);
    await waitForNodes(api, wanted, pids, files);
    report(`${wanted.map((node) => node.name).join(", ")} Ready; waiting for DNS`);
    await waitForDns(api);
  } finally {
    api.close();
  }
  await writeFile(join(files.folder, "complete"), `${format}\n`);
}

/** Ends everything and removes the cluster's files; does nothing when there is nothing. */
export async function down(files: Layout): Promise<void> {
  // The nodes of another cache's cluster, and their cgroups, are not ours to end.
  if ((await otherCluster()) === undefined) await destroyNodes();
  await rm(files.folder, { recursive: true, force: true });
}

/** Whether an `up` came to its end here, with this version. */
export async function isComplete(files: Layout): Promise<boolean> {
  const text = await readFile(join(files.folder, "complete"), "utf8").catch(() => "");
  return text.trim() === format;
}

async function prepare(files: Layout, binaries: Binaries, report: Report): Promise<void> {
  if ((await runningNodes()).size > 0) report("removing what an earlier run left");
  await down(files);
  await mkdir(files.folder, { recursive: true });
  await symlink(binaries.kube, files.kubectl);
  const server = `https://${nodeAddress(1).address}:${apiPort}`;
  const all = Array.from({ length: maxNodes }, (_, index) => nodeAddress(index + 1));
  await writeCredentials(files, server, all);
}

/** Creates the nodes that are not running, links those that have no link; returns the names of the created. */
async function ensureNodes(
  wanted: readonly NodeAddress[],
  files: Layout,
  report: Report,
): Promise<Set<string>> {
  const running = await runningNodes();
  const missing = wanted.filter((node) => !running.has(node.name));
  if (missing.length > 0) report(`starting ${missing.map((node) => node.name).join(", ")}`);
  for (const node of missing) {
    await destroyNodes(node.name);
    running.set(node.name, await createNode(node, files));
  }
  // Node 1 first; when it was made anew, the others lost their links with it.
  for (const [name, pid] of [...running].sort(([a], [b]) => a.localeCompare(b, "en", { numeric: true }))) {
    const node = nodeAddress(Number(name.slice("node-".length)));
    if (!(await isLinked(pid))) await linkNode(node, running);
  }
  return new Set(missing.map((node) => node.name));
}

async function importAll(archives: readonly string[], node: NodeAddress, pids: ReadonlyMap<string, number>) {
  const pid = pids.get(node.name);
  if (pid === undefined) return;
  const [command, ...args] = ["nsenter", `--target=${pid}`, "--mount", "ctr", "version"];
  const answers = () =>
    run(command ?? "", args).then(
      () => true,
      () => undefined,
    );
  await waitFor(`containerd of ${node.name} answers`, 20_000, answers);
  for (const archive of archives) await importImage(archive, pid);
}

async function waitForApi(api: Api, hubPid: number, files: Layout): Promise<void> {
  const aggregation = "/api/v1/namespaces/kube-system/configmaps/extension-apiserver-authentication";
  await waitOrExplain(
    "the API server became ready",
    60_000,
    ["etcd", "kube-apiserver"],
    hubPid,
    files,
    async () =>
      (await api.get("/readyz")) === "ok" && (await api.get(aggregation)) !== undefined ? true : undefined,
  );
}

async function waitForNodes(
  api: Api,
  wanted: readonly NodeAddress[],
  pids: ReadonlyMap<string, number>,
  files: Layout,
): Promise<void> {
  for (const node of wanted) {
    const pid = pids.get(node.name) ?? 0;
    await waitOrExplain(`${node.name} became Ready`, 60_000, nodeComponents, pid, files, async () => {
      const object = (await api.get(`/api/v1/nodes/${node.name}`)) as NodeObject | undefined;
      return object !== undefined && isReady(object) ? true : undefined;
    });
  }
}

async function waitForDns(api: Api): Promise<void> {
  await waitFor("the account `default` in namespace default", 30_000, () =>
    api.get("/api/v1/namespaces/default/serviceaccounts/default"),
  );
  await waitFor("CoreDNS became ready (hack/kubectl describe pods -n kube-system)", 60_000, async () => {
    const deployment = await api.get("/apis/apps/v1/namespaces/kube-system/deployments/coredns");
    return (deployment as { status?: { readyReplicas?: number } } | undefined)?.status?.readyReplicas
      ? true
      : undefined;
  });
}

/** {@link waitFor}, which ends at once with the log of a component that has exited. */
async function waitOrExplain(
  what: string,
  timeoutMs: number,
  names: readonly string[],
  pid: number,
  files: Layout,
  check: () => Promise<true | undefined>,
): Promise<void> {
  const node = [...(await runningNodes())].find(([, running]) => running === pid)?.[0] ?? nodeAddress(1).name;
  const explain = async (name: string) => {
    const path = join(files.node(node).logs, `${name}.log`);
    const log = await readFile(path, "utf8").catch(() => "");
    return `the end of ${path}:\n${log.trimEnd().split("\n").slice(-15).join("\n")}`;
  };
  let polls = 0;
  try {
    await waitFor(what, timeoutMs, async () => {
      if (await check()) return true;
      if (++polls % 20 !== 0) return undefined;
      const running = await runningComponents(pid);
      const dead = names.find((name) => !running.has(name));
      if (dead !== undefined) throw new Error(`${dead} exited on ${node}; ${await explain(dead)}`);
      return undefined;
    });
  } catch (error) {
    if (error instanceof Error && error.message.includes("did not happen")) {
      throw new Error(`${error.message}; ${await explain(names.at(-1) ?? "")}`);
    }
    throw error;
  }
}
