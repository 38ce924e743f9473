/** Counts that do not depend on the machine's speed: system calls by strace, bytes allocated by the collector's log. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Calls that a proxy makes by the message; those of timers, memory and start are left out. */
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
  const child = spawn("strace", ["-f", "-p", String(pid), "-e", trace, "-o", file], {
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
      const name = /^\d+\s+([a-z0-9_]+)\(/.exec(line)?.[1];
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

/** Set in a proxy's environment so that `allocatedBytes` can read its log. */
export const LOG_COLLECTIONS = "BUN_JSC_logGC=1";

/** Bytes that were allocated on the heap between the first and the last collection that a log tells of. */
export function allocatedBytes(log: string): { readonly bytes: number; readonly collections: number } {
  let bytes = 0;
  let collections = 0;
  let after: number | undefined;
  for (const [, before, left] of log.matchAll(/START \w (\d+)kb => [\s\S]*?=> (\d+)kb, p=/g)) {
    if (after !== undefined) {
      bytes += (Number(before) - after) * 1024;
      collections++;
    }
    after = Number(left);
  }
  return { bytes, collections };
}

/**
 * Bytes allocated for each request, over whole cycles of the collector. `log` reads the proxy's log so far; `work` makes requests
 * and calls its argument after each. Throws when they were too few for two collections.
 */
async function allocatedPerRequest(
  log: () => string,
  work: (answered: () => void) => Promise<unknown>,
): Promise<number> {
  const from = log().length;
  let answered = 0;
  const seen: { readonly answered: number; readonly bytes: number }[] = [];
  await work(() => {
    answered++;
    if (answered % 100 !== 0) return;
    const { bytes, collections } = allocatedBytes(log().slice(from));
    if (collections > 0 && bytes !== seen.at(-1)?.bytes) seen.push({ answered, bytes });
  });
  const [first, last] = [seen[0], seen.at(-1)];
  if (first === undefined || last === undefined || first === last) {
    throw new Error(`${answered} requests made ${seen.length} collections; expected at least 2`);
  }
  return (last.bytes - first.bytes) / (last.answered - first.answered);
}

/**
 * `allocatedPerRequest`, up to three times while it is more than `enough`, and the least of them: the collections at both ends make
 * a fifth of it, and code that is not compiled yet allocates more. What is too much is too much each time.
 */
export async function leastAllocatedPerRequest(
  enough: number,
  ...measure: Parameters<typeof allocatedPerRequest>
): Promise<number> {
  let bytes = await allocatedPerRequest(...measure);
  for (let more = 0; more < 2 && bytes > enough; more++)
    bytes = Math.min(bytes, await allocatedPerRequest(...measure));
  return bytes;
}
