/** Runs the peers in turn and prints medians and ratios; see `run --help`. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { parseArgs } from "node:util";
import { quantile } from "../../../test/support/statistics.ts";
import { backend, envoyPeer, haproxyPeer, nginxPeer, type Peer, weftPeer } from "./peers.ts";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: "string", default: "3" },
    seconds: { type: "string", default: "5" },
    output: { type: "string", short: "o", default: "text" },
  },
});
const envoyFolder = positionals[0] ?? "";
const rounds = Number(values.rounds);
const seconds = Number(values.seconds);
const connections = 32;
const backendPort = 18400;
const proxyPort = 18401;

interface Sample {
  readonly rps: number;
  readonly cpuMicros: number;
  readonly p50: number;
  readonly p99: number;
  readonly rss: number;
}

/** Busy jiffies of a core, interrupts included (proc(5)): user, nice, system, irq, softirq. */
function busy(core: number): number {
  const line = readFileSync("/proc/stat", "utf8").match(new RegExp(`^cpu${core} (.*)$`, "m"))?.[1] ?? "";
  const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0] = line.split(" ").map(Number);
  return user + nice + system + irq + softirq;
}

const ticksPerSecond = Number(spawnSync("getconf", ["CLK_TCK"], { encoding: "utf8" }).stdout) || 100;

function residentMegabytes(pid: number): number {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? 0) / 1024;
}

function start(peer: Peer, core: number): ChildProcess {
  return spawn("taskset", ["-c", String(core), ...peer.command], { stdio: ["ignore", "ignore", "inherit"] });
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise((resolve) => child.once("exit", resolve));
  child.kill("SIGKILL");
  await ended;
}

async function listening(port: number): Promise<void> {
  for (let attempt = 0; attempt < 200; attempt++) {
    const open = await new Promise<boolean>((resolve) => {
      const socket = connect(port, "127.0.0.1", () => resolve(true)).once("error", () => resolve(false));
      socket.once("connect", () => socket.destroy());
    });
    if (open) return;
    await delay(50);
  }
  throw new Error(`nothing listens on port ${port} after 10 s`);
}

/** wrk's requests a second and percentiles in ms; throws when any request failed. */
async function load(duration: number): Promise<{ rps: number; p50: number; p99: number }> {
  const child = spawn("taskset", [
    "-c",
    "1",
    "wrk",
    "-t1",
    `-c${connections}`,
    `-d${duration}s`,
    "--latency",
    "-H",
    "Host: web",
    `http://127.0.0.1:${proxyPort}/`,
  ]);
  let text = "";
  child.stdout.on("data", (chunk) => {
    text += String(chunk);
  });
  await new Promise((resolve) => child.once("exit", resolve));
  if (/Non-2xx|Socket errors/.test(text)) throw new Error(`requests failed:\n${text}`);
  const milliseconds = (share: string) => {
    const match = new RegExp(`${share}%\\s+([\\d.]+)(us|ms|s)`).exec(text);
    const unit = { us: 0.001, ms: 1, s: 1000 }[match?.[2] ?? "ms"] ?? 1;
    return Number(match?.[1] ?? Number.NaN) * unit;
  };
  return {
    rps: Number(/Requests\/sec:\s+([\d.]+)/.exec(text)?.[1] ?? 0),
    p50: milliseconds("50"),
    p99: milliseconds("99"),
  };
}

async function measure(peer: Peer): Promise<Sample> {
  const child = start(peer, 0);
  try {
    await listening(proxyPort);
    await load(2); // warm: connections, code, caches
    const before = busy(0);
    const { rps, p50, p99 } = await load(seconds);
    const spent = (busy(0) - before) / ticksPerSecond;
    return {
      rps,
      p50,
      p99,
      cpuMicros: (spent * 1e6) / (rps * seconds),
      rss: residentMegabytes(child.pid ?? 0),
    };
  } finally {
    await stop(child);
  }
}

const folder = mkdtempSync(join(tmpdir(), "weft-hop-"));
const ports = { port: proxyPort, backend: backendPort };
const executable = join(folder, "weft-proxy");
const built = spawnSync(
  "bun",
  ["build", "--compile", "--minify", "--bytecode", "--format=esm", "proxy/main.ts", "--outfile", executable],
  { stdio: ["ignore", "ignore", "inherit"] },
);
if (built.status !== 0) throw new Error("bun build of proxy/main.ts failed");
const envoy = envoyPeer(folder, envoyFolder, ports);
const peers = [
  weftPeer(folder, executable, ports),
  nginxPeer(folder, ports),
  haproxyPeer(folder, ports),
  ...(envoy ? [envoy] : []),
];
const samples = new Map<string, Sample[]>(peers.map((peer) => [peer.name, []]));
const origin = start(backend(folder, backendPort), 1);
try {
  await listening(backendPort);
  for (let round = 1; round <= rounds; round++) {
    for (const peer of peers) {
      const sample = await measure(peer);
      samples.get(peer.name)?.push(sample);
      console.error(`round ${round} of ${rounds}: ${peer.name} ${sample.rps.toFixed(0)} requests/s`);
    }
  }
} finally {
  await stop(origin);
  rmSync(folder, { recursive: true, force: true });
}

const median = (name: string, field: keyof Sample) =>
  quantile(
    (samples.get(name) ?? []).map((s) => s[field]),
    0.5,
  );
const rows = peers.map(({ name }) => ({
  proxy: name,
  "requests/s": Math.round(median(name, "rps")),
  "core µs/request": Number(median(name, "cpuMicros").toFixed(1)),
  "p50 ms": Number(median(name, "p50").toFixed(2)),
  "p99 ms": Number(median(name, "p99").toFixed(2)),
  "RSS MB": Math.round(median(name, "rss")),
  "Weft's requests/s ÷ its": Number((median("Weft", "rps") / median(name, "rps")).toFixed(2)),
  "Weft's core time ÷ its": Number((median("Weft", "cpuMicros") / median(name, "cpuMicros")).toFixed(2)),
}));
if (values.output === "json") console.log(JSON.stringify({ rounds, seconds, connections, rows }, null, 2));
else console.table(rows);
