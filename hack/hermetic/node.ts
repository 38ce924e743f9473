import { spawn } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { type NodeAddress, nodeAddress, podRange, serviceRange } from "./addresses.ts";
import { createNodeCgroups, removeNodeCgroups } from "./cgroups.ts";
import { type Component, nodeFiles } from "./components.ts";
import type { Layout } from "./layout.ts";
import { end, runningComponents, runningNodes } from "./processes.ts";
import { run, waitFor } from "./run.ts";

const script = join(import.meta.dirname, "node.sh");

/** Makes the node's namespaces, files and cgroups; nothing runs in it yet. Returns its PID 1, as the host sees it. */
export async function createNode(node: NodeAddress, files: Layout): Promise<number> {
  const own = files.node(node.name);
  await createNodeCgroups(node.name);
  await mkdir(own.logs, { recursive: true });
  for (const [name, text] of nodeFiles(node, files)) {
    const path = join(own.config, name);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, text);
  }
  const log = join(own.logs, "node.log");
  await rm(log, { force: true });
  const output = openSync(log, "a");
  const namespaces = ["--net", "--mount", "--pid", "--uts", "--fork", "--kill-child", "--mount-proc"];
  // A session of its own: a Ctrl-C at `up` must not reach it.
  const child = spawn("unshare", [...namespaces, "bash", script, node.name, files.folder], {
    stdio: ["ignore", output, output],
    detached: true,
  });
  closeSync(output);
  let failure: Error | undefined;
  child.once("error", (error) => {
    failure = error;
  });
  child.unref();
  return await waitFor(
    `${node.name} came up`,
    10_000,
    async () => {
      if (failure !== undefined) throw new Error(`cannot run unshare: ${failure.message}`);
      const said = await readFile(log, "utf8");
      if (child.exitCode !== null) throw new Error(`${node.name} ended while it started:\n${said.trim()}`);
      return said.includes("ready\n") ? (await runningNodes()).get(node.name) : undefined;
    },
    20,
  );
}

/** Links node 1 to the host, and every other to node 1. A link vanishes with the node at either end. */
export async function linkNode(node: NodeAddress, pids: ReadonlyMap<string, number>): Promise<void> {
  const pid = pids.get(node.name);
  const hub = node.number === 1 ? undefined : pids.get(nodeAddress(1).name);
  if (pid === undefined) throw new Error(`${node.name} is not running, so it can't be linked`);
  const near = hub === undefined ? [] : ["nsenter", `--target=${hub}`, "--net"];
  const inside = ["nsenter", `--target=${pid}`, "--net"];
  const ip = async (prefix: readonly string[], ...args: readonly string[]) => {
    const [command, ...rest] = [...prefix, "ip", ...args];
    await run(command ?? "ip", rest);
  };
  await ip(
    near,
    "link",
    "add",
    node.link,
    "type",
    "veth",
    "peer",
    "name",
    "uplink",
    "netns",
    `/proc/${pid}/ns/net`,
  );
  await ip(near, "address", "add", `${node.gateway}/30`, "dev", node.link);
  await ip(near, "link", "set", node.link, "up");
  await ip(inside, "address", "add", `${node.address}/30`, "dev", "uplink");
  await ip(inside, "link", "set", "uplink", "up");
  await ip(inside, "route", "add", "default", "via", node.gateway);
  // From the host everything goes by way of node 1, which knows the other nodes' pods.
  const routes = hub === undefined ? ["198.18.255.0/24", podRange, serviceRange] : [node.pods];
  for (const route of routes) await ip(near, "route", "add", route, "via", node.address, "dev", node.link);
}

/** Whether the link that `linkNode` makes is there. */
export async function isLinked(pid: number): Promise<boolean> {
  const links = await run("nsenter", [`--target=${pid}`, "--net", "ip", "-brief", "link", "show"]);
  return links.split("\n").some((line) => line.startsWith("uplink"));
}

/** The command that runs something within a node. */
export function inNode(pid: number, command: readonly string[]): [string, string[]] {
  return ["nsenter", [`--target=${pid}`, "--net", "--mount", "--pid", "--uts", "--", ...command]];
}

/**
 * Starts a component within a node, its output appended to a log of its name. The shell between ends at once, so that
 * the component becomes a child of the node's PID 1 and nothing of it stays outside.
 */
export async function startComponent(component: Component, pid: number, logs: string): Promise<void> {
  const [command, args] = inNode(pid, [
    "bash",
    "-c",
    'exec >>"$0" 2>&1 </dev/null; setsid "$@" &',
    join(logs, `${component.name}.log`),
    component.command,
    ...component.args,
  ]);
  await run(command, args);
}

/** Ends a component, if it runs. */
export async function stopComponent(name: string, node: number, signal: NodeJS.Signals): Promise<void> {
  const pid = (await runningComponents(node)).get(name);
  if (pid !== undefined) await end(pid, signal);
}

/**
 * Ends a node as a power failure would: all its processes at once, and with them its mounts, links, routes and
 * firewall rules. Its files stay. Without a name, every node.
 */
export async function destroyNodes(name?: string): Promise<void> {
  const running = await runningNodes();
  const hub = running.get(nodeAddress(1).name);
  for (const [found, pid] of running) {
    if (name !== undefined && found !== name) continue;
    await end(pid, "SIGKILL");
    // The kernel takes its time to end a network namespace; a new node of the same name must not meet its old link.
    const node = nodeAddress(Number(found.slice("node-".length)));
    await unlink(node, hub);
  }
  await removeNodeCgroups(name);
}

/** Removes the near end of a node's link, and with it the far one, where it is still there. */
async function unlink(node: NodeAddress, hub: number | undefined): Promise<void> {
  const near = node.number === 1 || hub === undefined ? [] : ["nsenter", `--target=${hub}`, "--net"];
  const [command, ...args] = [...near, "ip", "link", "delete", node.link];
  await run(command ?? "ip", args).catch(() => undefined);
}
