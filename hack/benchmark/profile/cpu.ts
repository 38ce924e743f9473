/** Where CPU time goes: Bun's profile for JavaScript's functions, perf for the kernel and the runtime around them. */
import { readFileSync } from "node:fs";
import { relative } from "node:path";
import { runLoad } from "../processes.ts";
import type { Share } from "./section.ts";

/** The format of V8's and Bun's `.cpuprofile`, as far as it is read here. */
interface CpuProfile {
  readonly nodes: readonly {
    readonly hitCount?: number;
    readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number };
  }[];
}

/** Functions by the samples that met them at the top of the stack, per cent, most first. */
export function functionsIn(file: string, root: string): Share[] {
  const { nodes } = JSON.parse(readFileSync(file, "utf8")) as CpuProfile;
  const hits = new Map<string, number>();
  let total = 0;
  for (const { hitCount = 0, callFrame } of nodes) {
    const { functionName, url, lineNumber } = callFrame;
    const place = url.startsWith("file://")
      ? ` ${relative(root, url.slice("file://".length))}:${lineNumber + 1}`
      : "";
    const name = `${functionName || "(anonymous)"}${place}`;
    hits.set(name, (hits.get(name) ?? 0) + hitCount);
    total += hitCount;
  }
  return byShare(hits, total);
}

/** Samples a process for so many seconds; undefined where perf is not allowed to. */
export async function perf(
  pid: number,
  seconds: number,
  file: string,
): Promise<{ readonly parts: Share[]; readonly native: Share[] } | undefined> {
  try {
    const duration = ["--", "sleep", String(seconds)];
    await runLoad(
      ["perf", "record", "-q", "-e", "cpu-clock", "-F", "1999", "-o", file, "-p", String(pid), ...duration],
      (seconds + 20) * 1000,
    );
    const format = ["-F", "ip,sym,dso"];
    const text = await runLoad(["perf", "script", "-i", file, ...format], 120_000);
    return sharesIn(text);
  } catch {
    return undefined;
  }
}

/** `7fbd153625b3 symbol (object)`. */
const LINE = /^\s*[0-9a-f]+ (.+?)(?:\+0x[0-9a-f]+)? \(([^)]*)\)\s*$/;

/** Shares of `perf script`'s lines. */
export function sharesIn(text: string): { parts: Share[]; native: Share[] } {
  const parts = new Map<string, number>();
  const symbols = new Map<string, number>();
  let total = 0;
  for (const line of text.split("\n")) {
    const [, symbol = "", object = ""] = LINE.exec(line) ?? [];
    if (object === "") continue;
    total++;
    const part = partOf(object);
    parts.set(part, (parts.get(part) ?? 0) + 1);
    if (part === "JavaScript" || symbol === "[unknown]") continue;
    symbols.set(symbol, (symbols.get(symbol) ?? 0) + 1);
  }
  return { parts: byShare(parts, total), native: byShare(symbols, total) };
}

/** Compiled JavaScript is in memory that no file stands behind. */
function partOf(object: string): string {
  if (object.startsWith("[kernel") || object.includes(".ko")) return "kernel";
  if (object === "[unknown]" || object.includes("anon") || object.includes("/tmp/perf-")) return "JavaScript";
  return object.includes("libc") ? "libc" : "runtime";
}

function byShare(counts: ReadonlyMap<string, number>, total: number): Share[] {
  return [...counts]
    .map(([name, count]) => ({ name, share: (count * 100) / Math.max(1, total) }))
    .sort((a, b) => b.share - a.share)
    .slice(0, 25);
}
