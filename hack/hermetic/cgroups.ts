import { mkdir, readdir, readFile, rmdir, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

/** A mounted cgroup hierarchy: cgroup v2's only one, or one of cgroup v1's controllers. */
export interface Hierarchy {
  readonly mount: string;
  readonly version: 1 | 2;
  /** v1 only: `memory`, `cpu`, `name=systemd`, … */
  readonly controllers: readonly string[];
}

/** The hierarchies named in the text of `/proc/self/mountinfo` (proc(5)). */
export function parseHierarchies(mountinfo: string): Hierarchy[] {
  const found: Hierarchy[] = [];
  for (const line of mountinfo.split("\n")) {
    const [before, after] = line.split(" - ");
    const mount = before?.split(" ")[4];
    const [type, , options] = after?.split(" ") ?? [];
    if (mount === undefined || options === undefined) continue;
    if (type === "cgroup2") found.push({ mount, version: 2, controllers: [] });
    if (type !== "cgroup") continue;
    const controllers = options.split(",").filter((option) => !["rw", "ro", "xattr"].includes(option));
    found.push({ mount, version: 1, controllers });
  }
  return found;
}

/** The cgroup below which a node's kubelet keeps its pods: each its own, or they would remove each other's. */
export function nodeCgroup(name: string): string {
  return `weft-${name}`;
}

/** The hierarchies of this machine. */
export async function hierarchies(): Promise<Hierarchy[]> {
  return parseHierarchies(await readFile("/proc/self/mountinfo", "utf8"));
}

/** Makes the node's cgroup in every hierarchy, as the kubelet expects its `cgroupRoot` to be there. */
export async function createNodeCgroups(name: string): Promise<void> {
  const all = await hierarchies();
  const isV1 = all.some((hierarchy) => hierarchy.controllers.includes("memory"));
  for (const hierarchy of all) {
    // On a hybrid machine the v2 hierarchy has no controllers, and nothing looks for a node there.
    if (hierarchy.version === 2 && isV1) continue;
    const folder = join(hierarchy.mount, nodeCgroup(name));
    await mkdir(folder, { recursive: true });
    if (hierarchy.controllers.includes("cpuset")) {
      for (const file of ["cpuset.cpus", "cpuset.mems"]) {
        await writeFile(join(folder, file), await readFile(join(hierarchy.mount, file), "utf8"));
      }
    }
    if (hierarchy.version === 2) await delegate(hierarchy.mount, folder);
  }
}

/** cgroup v2: a controller works in a folder once every folder above has it in `cgroup.subtree_control`. */
async function delegate(mount: string, folder: string): Promise<void> {
  for (const parent of [mount, folder]) {
    const controllers = (await readFile(join(parent, "cgroup.controllers"), "utf8")).trim().split(" ");
    for (const controller of controllers) {
      await writeFile(join(parent, "cgroup.subtree_control"), `+${controller}`).catch(() => undefined);
    }
  }
}

/** The cgroup folders of nodes on this machine, as absolute paths; with `name`, of that node alone. */
export async function nodeCgroupFolders(name?: string): Promise<string[]> {
  const wanted = name === undefined ? /^weft-node-\d+$/ : new RegExp(`^${nodeCgroup(name)}$`);
  const found: string[] = [];
  for (const { mount } of await hierarchies()) {
    for (const entry of await readdir(mount).catch(() => []))
      if (wanted.test(entry)) found.push(join(mount, entry));
  }
  return found;
}

/** Removes the node's cgroups. Its processes may take a moment to be gone, so this tries for 10 s. */
export async function removeNodeCgroups(name?: string): Promise<void> {
  const deadline = Date.now() + 10_000;
  for (;;) {
    const folders = await nodeCgroupFolders(name);
    if (folders.length === 0) return;
    let failure: unknown;
    for (const folder of folders) await removeTree(folder).catch((error) => (failure = error));
    if (failure === undefined) return;
    if (Date.now() > deadline) throw failure;
    await sleep(50);
  }
}

/** rmdir, deepest first: a cgroup's files can't be unlinked, and vanish with their folder. */
async function removeTree(folder: string): Promise<void> {
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    if (entry.isDirectory()) await removeTree(join(folder, entry.name));
  }
  await rmdir(folder);
}

/** What a container's memory cgroup says, in bytes. */
export interface ContainerMemory {
  /** Anonymous memory: `rss` of cgroup v1, `anon` of v2. */
  readonly rss: number;
  /** Everything charged, the page cache included. */
  readonly usage: number;
  readonly cache: number;
}

/** Reads the text of `memory.stat`, of either version. */
export function parseMemoryStat(text: string): { rss: number; cache: number } {
  const values = new Map(text.split("\n").map((line) => line.split(" ") as [string, string]));
  // v1 has both a cgroup's own figures and, as total_*, those with its children.
  const read = (...names: string[]) =>
    Number(names.map((name) => values.get(name)).find((v) => v !== undefined) ?? 0);
  return { rss: read("total_rss", "anon"), cache: read("total_cache", "file") };
}

/** The memory of the container with this id, or undefined when no node runs it. */
export async function containerMemory(id: string): Promise<ContainerMemory | undefined> {
  const all = await hierarchies();
  const memory =
    all.find(({ controllers }) => controllers.includes("memory")) ?? all.find(({ version }) => version === 2);
  if (memory === undefined) return undefined;
  for (const entry of await readdir(memory.mount)) {
    if (!entry.startsWith(nodeCgroup("node-"))) continue;
    const folder = await find(join(memory.mount, entry), id, 5);
    if (folder === undefined) continue;
    const usage = join(folder, memory.version === 1 ? "memory.usage_in_bytes" : "memory.current");
    return {
      ...parseMemoryStat(await readFile(join(folder, "memory.stat"), "utf8")),
      usage: Number(await readFile(usage, "utf8")),
    };
  }
  return undefined;
}

async function find(folder: string, name: string, depth: number): Promise<string | undefined> {
  if (basename(folder) === name) return folder;
  if (depth === 0) return undefined;
  for (const entry of await readdir(folder, { withFileTypes: true }).catch(() => [])) {
    const found = entry.isDirectory() ? await find(join(folder, entry.name), name, depth - 1) : undefined;
    if (found !== undefined) return found;
  }
  return undefined;
}
