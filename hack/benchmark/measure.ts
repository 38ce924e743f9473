/** One peer in one scenario, once: start, verify, warm, load, look at the core and the memory, stop. */
import { setTimeout as delay } from "node:timers/promises";
import type { Latency, Target } from "./loads/load.ts";
import { busySeconds, type Memory, memoryOf } from "./machine.ts";
import { PROXY_CORE, type Started, start } from "./processes.ts";
import type { Scenario } from "./scenarios.ts";
import { type Peer, pathOf, type Site } from "./shape.ts";
import { verify } from "./verify.ts";

/** By then a proxy has come to rest after its start. */
const IDLE_MS = 10_000;

export interface Sample {
  /** Counted a second: requests, or the scenario's unit. */
  readonly rate: number;
  readonly cpuMicros: number;
  /** Share of the proxy's core that was busy; well below 1, the load was the limit and not the proxy. */
  readonly busy: number;
  readonly latency: Latency | undefined;
  /** Of one proxy, the mean of a pair. */
  readonly memory: Memory;
}

export interface Durations {
  readonly seconds: number;
  readonly warmSeconds: number;
}

/** Undefined when the peer cannot do what the scenario asks for. */
export async function measure(
  peer: Peer,
  scenario: Scenario,
  site: Site,
  { seconds, warmSeconds }: Durations,
): Promise<Sample | undefined> {
  const commands = peer.commands(scenario.shape, site);
  if (commands === undefined) return undefined;
  const processes: Started[] = [];
  try {
    for (const command of commands.toReversed()) processes.push(await start(peer.name, command, PROXY_CORE));
    const pids = processes.map((each) => each.pid);
    const target: Target = { ...site, path: pathOf(scenario.shape) };
    if (scenario.load === undefined) {
      await delay(IDLE_MS);
      return { rate: 0, cpuMicros: 0, busy: 0, latency: undefined, memory: memoryOf(pids) };
    }
    await verify(scenario, target);
    await scenario.load(target, warmSeconds);
    let memory: Memory | undefined;
    // While the connections are open: most loads take their whole duration.
    const timer = setTimeout(
      () => {
        memory = memoryOf(pids);
      },
      seconds * 1000 * 0.8,
    );
    const begun = performance.now();
    const before = busySeconds(PROXY_CORE);
    const found = await scenario.load(target, seconds);
    const spent = busySeconds(PROXY_CORE) - before;
    const wall = (performance.now() - begun) / 1000;
    clearTimeout(timer);
    for (const each of processes) each.assertRunning();
    if (scenario.unit === "request") await peer.confirm?.(scenario.shape, site, found.count);
    return {
      rate: found.count / found.seconds,
      cpuMicros: (spent * 1e6) / found.count,
      busy: spent / wall,
      latency: found.latency,
      memory: memory ?? memoryOf(pids),
    };
  } finally {
    for (const each of processes.toReversed()) await each.stop();
  }
}
