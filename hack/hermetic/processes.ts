import { existsSync } from "node:fs";
import { readdir, readFile, readlink } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { clusterFolder } from "./layout.ts";

/** A process as the host sees it. */
export interface Process {
  readonly pid: number;
  readonly args: readonly string[];
}

/**
 * The node whose PID 1 has these arguments, or undefined for any other process. What runs is found by looking, not
 * by what a state file claims, so a killed `up`, a lost file or a reused process id can't mislead.
 */
export function nodeOf(args: readonly string[]): string | undefined {
  const [shell, script, name] = args;
  return shell === "bash" && script?.endsWith("/hermetic/node.sh") && /^node-\d+$/.test(name ?? "")
    ? name
    : undefined;
}

/** The component that these arguments start: `kubelet`, `etcd`, `containerd`, …; undefined for anything else. */
export function componentOf(args: readonly string[]): string | undefined {
  const program = args[0]?.split("/").at(-1);
  if (program === "weft-kube") return args[1] === "kubectl" ? undefined : args[1];
  return program === "containerd" ? program : undefined;
}

/** PID 1 of every running node of the cluster in `folder`, by the node's name; also nodes whose folder is gone. */
export async function runningNodes(folder: string = clusterFolder()): Promise<Map<string, number>> {
  const found = new Map<string, number>();
  for (const { pid, args } of await processes()) {
    const name = nodeOf(args);
    const own = args[3] ?? "";
    if (name !== undefined && (own === folder || !existsSync(own))) found.set(name, pid);
  }
  return found;
}

/** The folder of another cache's cluster, when one runs on this machine. */
export async function otherCluster(folder: string = clusterFolder()): Promise<string | undefined> {
  const nodes = (await processes()).filter(({ args }) => nodeOf(args) !== undefined);
  return nodes.map(({ args }) => args[3] ?? "").find((own) => own !== folder && existsSync(own));
}

/** The components that run in the PID namespace of the node with this PID 1, by name. */
export async function runningComponents(node: number): Promise<Map<string, number>> {
  const found = new Map<string, number>();
  const namespace = await pidNamespace(node);
  if (namespace === undefined) return found;
  for (const { pid, args } of await processes()) {
    const name = componentOf(args);
    if (name !== undefined && (await pidNamespace(pid)) === namespace) found.set(name, pid);
  }
  return found;
}

/** Sends `signal`, and SIGKILL after `graceMs`; resolves when the process is gone or only its entry is left. */
export async function end(pid: number, signal: NodeJS.Signals, graceMs = 5_000): Promise<void> {
  const killAt = Date.now() + graceMs;
  const giveUpAt = killAt + 10_000;
  let killed = signal === "SIGKILL";
  send(pid, signal);
  while (await isRunning(pid)) {
    if (!killed && Date.now() > killAt) {
      killed = true;
      send(pid, "SIGKILL");
    }
    if (Date.now() > giveUpAt) throw new Error(`process ${pid} is still there 10 s after SIGKILL`);
    await sleep(10);
  }
}

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "ESRCH")) throw error;
  }
}

/** A zombie has ended: it holds nothing, and only waits for its parent to ask. */
async function isRunning(pid: number): Promise<boolean> {
  const stat = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => "");
  // The name, in parentheses, may itself hold spaces and parentheses.
  const state = stat.slice(stat.lastIndexOf(")") + 2, stat.lastIndexOf(")") + 3);
  return state !== "" && state !== "Z" && state !== "X";
}

async function processes(): Promise<Process[]> {
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name)).map(Number);
  const all = await Promise.all(
    pids.map(async (pid) => ({
      pid,
      args: (await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "")).split("\0").slice(0, -1),
    })),
  );
  return all.filter(({ args }) => args.length > 0);
}

async function pidNamespace(pid: number): Promise<string | undefined> {
  return await readlink(`/proc/${pid}/ns/pid`).catch(() => undefined);
}
