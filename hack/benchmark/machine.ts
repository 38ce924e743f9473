/** What the machine says: the busy time of a core, the memory of processes, and what machine it is. */
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { cpus, release, totalmem } from "node:os";

const ticksPerSecond = Number(spawnSync("getconf", ["CLK_TCK"], { encoding: "utf8" }).stdout) || 100;

/**
 * Seconds that a core was busy since boot, interrupts included (proc(5)): user, nice, system, irq, softirq. Per-process
 * figures miss the network's interrupts, which are most of a fast proxy's work.
 */
export function busySeconds(core: number): number {
  const line = readFileSync("/proc/stat", "utf8").match(new RegExp(`^cpu${core} (.*)$`, "m"))?.[1] ?? "";
  const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0] = line.split(" ").map(Number);
  return (user + nice + system + irq + softirq) / ticksPerSecond;
}

export interface Memory {
  readonly rssMb: number;
  /** Pages that processes share are counted in parts. */
  readonly pssMb: number;
}

/** The memory of one of these processes, their mean. */
export function memoryOf(pids: readonly number[]): Memory {
  let rss = 0;
  let pss = 0;
  for (const pid of pids) {
    const text = readFileSync(`/proc/${pid}/smaps_rollup`, "utf8");
    rss += Number(/^Rss:\s+(\d+) kB/m.exec(text)?.[1] ?? 0);
    pss += Number(/^Pss:\s+(\d+) kB/m.exec(text)?.[1] ?? 0);
  }
  return { rssMb: rss / 1024 / pids.length, pssMb: pss / 1024 / pids.length };
}

/** One line about this machine. */
export function describeMachine(): string {
  const model = cpus()[0]?.model.trim() || "unknown model";
  const memory = Math.round(totalmem() / 2 ** 30);
  return `${cpus().length} cores (${model}), ${memory} GB, Linux ${release().split("-")[0]}`;
}
