/** `hack/bench mesh`: the sidecars of real pods, with the mesh and without in turn; see `hack/bench --help`. */
import { rmSync, writeFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { parseArgs } from "node:util";
import { call } from "../../../test/support/e2e.ts";
import { describeDistribution, quantile } from "../../../test/support/statistics.ts";
import { changesToWire, timeToReady } from "../../../test/support/timing.ts";
import { readRecords, writeRecords } from "../document.ts";
import { describeMachine } from "../machine.ts";
import { endAll } from "../processes.ts";
import { step } from "../progress.ts";
import { scratchFolder } from "../scratch.ts";
import { anonymousMegabytes, podsOf, residentMegabytes } from "./containers.ts";
import { type Pair, pairIn, startBackend, steady, throughput } from "./load.ts";
import { goals, type MeshRow } from "./rows.ts";
import { addServices, CLIENTS, clear, MESHED, PLAIN, restartIdle, setTheScene } from "./scene.ts";
import { meshTable } from "./table.ts";

const PAYMENT = "http://payment-service:8080/";
const MORE_SERVICES = 1_000;
const MANY_SERVICES = 4_000;
/** By then a proxy has come to rest, and what it no longer needs is given back. */
const REST_MS = 15_000;

function readOptions() {
  try {
    const { values } = parseArgs({
      options: {
        json: { type: "string" },
        output: { type: "string", short: "o", default: "text" },
        rounds: { type: "string", default: "3" },
        seconds: { type: "string", default: "5" },
        changes: { type: "string", default: "30" },
        pods: { type: "string", default: "11" },
        cpu: { type: "string" },
        "no-docs": { type: "boolean", default: false },
      },
    });
    return values;
  } catch (error) {
    console.error(
      `hack/bench mesh: ${error instanceof Error ? error.message : error}\nnext: hack/bench --help`,
    );
    process.exit(2);
  }
}

const options = readOptions();
const rounds = Number(options.rounds);
const seconds = Number(options.seconds);
const rows: MeshRow[] = [];
const folder = scratchFolder("weft-bench-mesh-");

/** Before the first round: connections are open, and the runtime has compiled what is hot. */
const WARM_SECONDS = { none: 2, weft: 20 } as const;

const median = (values: readonly number[]) => quantile(values, 0.5);
function add(measure: string, mesh: MeshRow["mesh"], value: number, unit: string, digits = 2): void {
  rows.push({ measure, mesh, value: Number(value.toFixed(digits)), unit });
}

/** Latency, throughput and CPU of the pair; the pairs take turns. */
async function loads(): Promise<void> {
  const pairs: Record<MeshRow["mesh"], Pair> = {
    weft: await pairIn(MESHED, true),
    none: await pairIn(PLAIN, false),
  };
  const kinds = ["none", "weft"] as const;
  await using _plain = await startBackend(pairs.none, folder, "backend-plain");
  await using _meshed = await startBackend(pairs.weft, folder, "backend-meshed");
  const p50 = { weft: [] as number[], none: [] as number[] };
  const p99 = { weft: [] as number[], none: [] as number[] };
  const woken = { weft: [] as number[], none: [] as number[] };
  const rate = { weft: [] as number[], none: [] as number[] };
  const cpu: number[] = [];
  for (const kind of kinds) await throughput(pairs[kind], folder, WARM_SECONDS[kind]);
  for (let round = 1; round <= rounds; round++) {
    for (const kind of kinds) {
      // The pair has rested while the other had its turn.
      const first = await steady(pairs[kind], seconds);
      woken[kind].push(first.latency?.p99 ?? Number.NaN);
      const { latency } = await steady(pairs[kind], seconds);
      p50[kind].push(latency?.p50 ?? Number.NaN);
      p99[kind].push(latency?.p99 ?? Number.NaN);
      const fast = await throughput(pairs[kind], folder, seconds);
      rate[kind].push(fast.rate);
      if (kind === "weft") cpu.push(fast.cpu);
      const name = kind === "weft" ? "with the mesh" : "without";
      step(
        `round ${round} of ${rounds}, ${name}: p99 ${latency?.p99.toFixed(2)} ms at 1,000/s, ${first.latency?.p99.toFixed(2)} before; ${fast.rate.toFixed(0)}/s`,
      );
    }
  }
  add("added-latency-p50", "weft", median(p50.weft) - median(p50.none), "ms", 3);
  add("added-latency-p50", "none", median(p50.none), "ms", 3);
  add("added-latency-p99", "weft", median(p99.weft) - median(p99.none), "ms", 3);
  add("added-latency-p99", "none", median(p99.none), "ms", 3);
  add("added-latency-p99-woken", "weft", median(woken.weft) - median(woken.none), "ms", 3);
  add("added-latency-p99-woken", "none", median(woken.none), "ms", 3);
  add("requests-per-second", "weft", median(rate.weft), "1/s", 0);
  add("requests-per-second", "none", median(rate.none), "1/s", 0);
  add("cpu-per-request", "weft", median(cpu), "µs", 1);
}

async function idleSidecars(): Promise<string[]> {
  return (await podsOf(MESHED, "idle")).map(({ ids }) => ids["istio-proxy"] ?? "");
}

/** Anonymous memory of the idle sidecars, in MB. */
async function idleMemory(): Promise<number> {
  await delay(REST_MS);
  return median(await Promise.all((await idleSidecars()).map(anonymousMegabytes)));
}

/** What an idle sidecar holds once it has come to rest; resolves with its anonymous memory, in MB. */
async function sidecarMemory(): Promise<number> {
  await restartIdle();
  const idle = await idleMemory();
  add("idle-anonymous", "weft", idle, "MB");
  add("idle-rss", "weft", median((await idleSidecars()).map(residentMegabytes)), "MB", 1);
  return idle;
}

/** How long a change of a VirtualService takes to be on the wire. */
async function changes(measure: string): Promise<void> {
  const lags = await changesToWire(MESHED, CLIENTS, PAYMENT, Number(options.changes));
  step(`change to the wire: ${describeDistribution(lags, "ms")}`);
  add(`${measure}-p50`, "weft", median(lags), "ms", 1);
  add(`${measure}-p99`, "weft", quantile(lags, 0.99), "ms", 1);
}

/** How long a pod takes to be Ready, and what of that is the mesh's. */
async function ready(): Promise<void> {
  const times = { weft: [] as number[], none: [] as number[] };
  const count = Number(options.pods);
  for (let i = 0; i <= count; i++) {
    for (const [kind, namespace] of [
      ["none", PLAIN],
      ["weft", MESHED],
    ] as const) {
      const time = await timeToReady(namespace, `pod-${i}`);
      if (i > 0) times[kind].push(time); // the first warms caches
    }
  }
  step(
    `pod to Ready: ${describeDistribution(times.weft, "ms")}, without: ${describeDistribution(times.none, "ms")}`,
  );
  add("pod-to-ready-share", "weft", median(times.weft) - median(times.none), "ms", 0);
  add("pod-to-ready-share", "none", median(times.none), "ms", 0);
}

/**
 * What a sidecar holds for services that it does not call, beside the `idle` that it held without them; and changes then. The
 * first thousand cost, once, what it costs to handle an index at all, and memory is had by the page: so what each service adds is
 * seen from a thousand to many thousands.
 */
async function growth(idle: number): Promise<void> {
  const each = (more: number, count: number) => (more * 1e6) / 1024 / count;
  await addServices(MORE_SERVICES);
  const beside = await idleMemory();
  await changes("change-to-wire-1000");
  await restartIdle();
  const more = await idleMemory();
  step(`${MANY_SERVICES} services`);
  await addServices(MANY_SERVICES, MORE_SERVICES);
  await restartIdle();
  const many = await idleMemory();
  add("growth-per-service", "weft", each(many - more, MANY_SERVICES - MORE_SERVICES), "KiB", 3);
  add("growth-per-service-first", "weft", each(more - idle, MORE_SERVICES), "KiB", 3);
  add("growth-per-service-beside", "weft", each(beside - idle, MORE_SERVICES), "KiB", 3);
}

try {
  step("pods, with the mesh and without");
  await setTheScene(options.cpu);
  for (const client of CLIENTS) await call(MESHED, `deploy/${client}`, PAYMENT, { count: 20 });
  step("loads");
  await loads();
  if (options.cpu === undefined) {
    step("idle sidecars");
    const idle = await sidecarMemory();
    step("changes of a VirtualService");
    await changes("change-to-wire");
    step("pods to Ready");
    await ready();
    step(`${MORE_SERVICES} more services`);
    await growth(idle);
  }
} finally {
  endAll();
  rmSync(folder, { recursive: true, force: true });
  await clear();
}

rows.sort(
  (a, b) => goals.findIndex((g) => g.measure === a.measure) - goals.findIndex((g) => g.measure === b.measure),
);
console.log(options.output === "json" ? JSON.stringify(rows, null, 2) : meshTable(rows).replaceAll("**", ""));
if (options.json !== undefined) writeFileSync(options.json, `${JSON.stringify(rows, null, 2)}\n`);
if (!options["no-docs"] && options.cpu === undefined) {
  const date = new Date().toISOString().slice(0, 10);
  writeRecords({
    ...readRecords(),
    mesh: { date, machine: describeMachine(), command: "hack/bench mesh", rows },
  });
  step("docs/benchmarks.md is written");
}
