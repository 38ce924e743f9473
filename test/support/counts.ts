/** Counts that do not depend on the machine's speed: system calls by strace, bytes allocated by a process that collects nothing. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Calls that a proxy makes by the message; those of timers, memory and start are left out, and those on files, which go by the clock. */
const KINDS = {
  reads: ["read", "readv", "recvfrom", "recvmsg"],
  writes: ["write", "writev", "sendto", "sendmsg"],
  waits: ["epoll_wait", "epoll_pwait", "epoll_pwait2"],
  changes: ["epoll_ctl"],
  connects: ["connect", "accept4", "accept"],
} as const;

export type CallKind = keyof typeof KINDS;
export type CallCounts = Readonly<Record<CallKind, number>>;

/** The system calls of all threads of a process while `work` runs. Needs strace and the right to trace. */
export async function countCalls(pid: number, work: () => Promise<void>): Promise<CallCounts> {
  const folder = await mkdtemp(join(tmpdir(), "weft-strace-"));
  const file = join(folder, "calls");
  const trace = `trace=${Object.values(KINDS).flat().join(",")}`;
  const child = spawn("strace", ["-f", "-y", "-p", String(pid), "-e", trace, "-o", file], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  try {
    let said = "";
    await new Promise<void>((resolve, reject) => {
      child.stderr.setEncoding("utf8").on("data", (text: string) => {
        said += text;
        if (/attached/.test(said)) resolve();
      });
      child.once("error", reject);
      child.once("exit", (code) => reject(new Error(`strace ended with ${code}: ${said}`)));
    });
    await work();
    const ended = once(child, "exit");
    child.kill("SIGINT");
    await ended;
    const counts: Record<CallKind, number> = { reads: 0, writes: 0, waits: 0, changes: 0, connects: 0 };
    for (const line of (await readFile(file, "utf8")).split("\n")) {
      // A call that another thread's interrupted is told in two lines; its first counts.
      const name = /^\d+\s+([a-z0-9_]+)\((?!\d+<\/)/.exec(line)?.[1];
      for (const [kind, names] of Object.entries(KINDS)) {
        if (name !== undefined && (names as readonly string[]).includes(name)) counts[kind as CallKind]++;
      }
    }
    return counts;
  } finally {
    if (child.exitCode === null && child.signalCode === null) child.kill("SIGKILL");
    await rm(folder, { recursive: true, force: true });
  }
}

/** Put in a proxy's environment so that what it allocates can be counted: its collector does not run. */
export const WITHOUT_COLLECTOR = { BUN_JSC_useGC: "0" };

/** What a process holds for itself, in bytes: not the executable's pages, which every process of it shares. */
export function anonymousBytes(pid: number): number {
  const text = readFileSync(`/proc/${pid}/smaps_rollup`, "utf8");
  const found = /^Anonymous:\s+(\d+) kB/m.exec(text)?.[1];
  if (found === undefined) throw new Error(`/proc/${pid}/smaps_rollup has no line Anonymous`);
  return Number(found) * 1024;
}

const CONNECTIONS = 8;
const REQUESTS_EACH = 3_000;

/**
 * Bytes that a process `WITHOUT_COLLECTOR` allocates for a request, buffers included, once its code is compiled. `requests` makes
 * so many on a connection of its own.
 */
export async function allocatedPerRequest(
  pid: number,
  requests: (count: number) => Promise<unknown>,
): Promise<number> {
  const load = () => Promise.all(Array.from({ length: CONNECTIONS }, () => requests(REQUESTS_EACH)));
  await load();
  const before = anonymousBytes(pid);
  await load();
  return (anonymousBytes(pid) - before) / (CONNECTIONS * REQUESTS_EACH);
}
