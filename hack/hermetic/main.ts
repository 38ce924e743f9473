import { spawnSync } from "node:child_process";
import { mkdir, readFile, stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import { nodeAddress } from "./addresses.ts";
import { connect } from "./api.ts";
import { type Command, parseCommand, UsageError } from "./arguments.ts";
import { cacheFolder, ensureBinaries } from "./binaries.ts";
import { containerMemory } from "./cgroups.ts";
import { components, containerdSocket, nodeComponents } from "./components.ts";
import { importImage, isKept, keepArchive } from "./images.ts";
import { clusterFolder, type Layout, layout } from "./layout.ts";
import { withLock } from "./lock.ts";
import { named } from "./named.ts";
import { destroyNodes, inNode, startComponent, stopComponent } from "./node.ts";
import { runningNodes } from "./processes.ts";
import { run, waitFor } from "./run.ts";
import { describeStatus, status } from "./status.ts";
import { down, isComplete, up } from "./up.ts";

const started = Number(process.env.WEFT_STARTED ?? Date.now() / 1000);

/** Progress goes to standard error, in the form of hack/lib/bootstrap.sh; results to standard output. */
function report(message: string): void {
  const seconds = Math.max(0, Math.floor(Date.now() / 1000 - started));
  const clock = `[${String(Math.floor(seconds / 60)).padStart(2)}:${String(seconds % 60).padStart(2, "0")}]`;
  console.error(`${process.stderr.isTTY ? `\u001b[2m${clock}\u001b[0m` : clock} ${message}`);
}

async function main(): Promise<number> {
  const { command, provider } = parseCommand(process.argv.slice(2), process.env);
  if (command.name === "help") {
    console.log((await readFile(join(import.meta.dirname, "help.txt"), "utf8")).trimEnd());
    return 0;
  }
  const files = layout(clusterFolder());
  if (provider.kind === "named") return await named(command, resolve(provider.kubeconfig), report);
  const { isK3s, k3s } = await import("./k3s.ts");
  if (provider.kind === "k3s" || (await isK3s(files))) return await k3s(command, files, report);
  return await hermetic(command, files);
}

async function hermetic(command: Command, files: Layout): Promise<number> {
  const changes = !["kubeconfig", "status", "node-exec", "memory", "build"].includes(command.name);
  if (!changes) return await perform(command, files);
  await mkdir(cacheFolder(), { recursive: true });
  const wait = (pid: number) => report(`waiting for another hack/cluster (process ${pid})`);
  return await withLock(join(cacheFolder(), "cluster.lock"), () => perform(command, files), wait);
}

async function perform(command: Command, files: Layout): Promise<number> {
  switch (command.name) {
    case "help":
      return 0;
    case "build":
      await ensureBinaries(report);
      return 0;
    case "up":
      await up(command.nodes, files, report);
      report(`the cluster is up: export KUBECONFIG=${files.kubeconfig}, or use hack/kubectl`);
      return 0;
    case "down":
      await down(files);
      return 0;
    case "kubeconfig":
      if (!(await isComplete(files))) {
        console.error("hack/cluster: the cluster is not up; next: hack/cluster up");
        return 3;
      }
      console.log(files.kubeconfig);
      return 0;
    case "status": {
      const now = await status(files);
      console.log(command.json ? JSON.stringify(now, undefined, 2) : describeStatus(now));
      return now.state === "up" ? 0 : 3;
    }
    case "load":
      return await load(command.archives, files);
    case "component":
      return await component(command, files);
    case "node-stop":
      await nodePid(command.node);
      await destroyNodes(nodeAddress(command.node).name);
      return 0;
    case "node-start":
      await up(command.node, files, report);
      return 0;
    case "node-exec": {
      const [program, args] = inNode(await nodePid(command.node), command.command);
      return spawnSync(program, args, { stdio: "inherit" }).status ?? 1;
    }
    case "kill-container":
      return await killContainer(command.id);
    case "memory": {
      const memory = await containerMemory(command.id);
      if (memory === undefined) throw new Error(`no node runs a container ${command.id}`);
      console.log(
        command.json
          ? JSON.stringify(memory)
          : `rss ${memory.rss}\ncache ${memory.cache}\nusage ${memory.usage}`,
      );
      return 0;
    }
  }
}

async function nodePid(number: number): Promise<number> {
  const { name } = nodeAddress(number);
  const pid = (await runningNodes()).get(name);
  if (pid === undefined) throw new Error(`${name} is not running; next: hack/cluster up --nodes ${number}`);
  return pid;
}

async function load(archives: readonly string[], files: Layout): Promise<number> {
  const nodes = await runningNodes();
  if (nodes.size === 0) throw new Error("the cluster is not up; next: hack/cluster up");
  for (const archive of archives) {
    const path = resolve(archive);
    if (!(await stat(path).catch(() => undefined))?.isFile()) throw new Error(`${archive}: no such file`);
    if (await isKept(path, files)) continue; // Every node has this very file already.
    const names = await Promise.all([...nodes.values()].map((pid) => importImage(path, pid)));
    await keepArchive(path, names[0] ?? [], files);
    report(`loaded ${(names[0] ?? []).join(", ")} on ${[...nodes.keys()].join(", ")}`);
  }
  return 0;
}

async function component(command: Command & { name: "component" }, files: Layout): Promise<number> {
  const node = nodeAddress(command.node);
  const pid = await nodePid(command.node);
  await stopComponent(command.component, pid, command.signal);
  if (command.action === "stop") return 0;
  const wanted = components(node, files, await ensureBinaries(report)).get(command.component);
  if (wanted === undefined) {
    throw new Error(
      `${command.component} does not run on ${node.name}, only on node-1; there are ${nodeComponents.join(", ")}`,
    );
  }
  await startComponent(wanted, pid, files.node(node.name).logs);
  if (command.component === "kube-apiserver") {
    const api = await connect(files.kubeconfig);
    await waitFor("the API server became ready", 60_000, async () =>
      (await api.get("/readyz")) === "ok" ? true : undefined,
    );
    api.close();
  }
  return 0;
}

async function killContainer(id: string): Promise<number> {
  for (const pid of (await runningNodes()).values()) {
    const ctr = (...args: string[]) =>
      run(...inNode(pid, ["ctr", `--address=${containerdSocket}`, "--namespace=k8s.io", ...args]));
    if (!(await ctr("tasks", "list", "--quiet")).split("\n").includes(id)) continue;
    await ctr("tasks", "kill", "--signal=SIGKILL", id);
    return 0;
  }
  throw new Error(`no node runs a container ${id}`);
}

try {
  process.exitCode = await main();
} catch (error) {
  console.error(`hack/cluster: ${error instanceof Error ? error.message : String(error)}`);
  if (error instanceof UsageError) console.error("  hack/cluster --help shows all commands");
  process.exitCode = error instanceof UsageError ? 2 : 1;
}
