/** One peer in one scenario, once: start, verify, warm, load, look at the core and the memory, stop. */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { Latency, Target } from "./loads/load.ts";
import { busySeconds, type Memory, memoryOf } from "./machine.ts";
import { type Command, PROXY_CORE, type Started, start } from "./processes.ts";
import type { Scenario } from "./scenarios.ts";
import { type Address, type Peer, pathOf, type Site } from "./shape.ts";
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
  const commands = commandsOf(peer, scenario, site);
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
    await scenario.load(target, peer.compilesAtRunTime ? 4 * warmSeconds : warmSeconds);
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
    if (scenario.unit === "message") await peer.confirm?.(scenario.shape, site, 1);
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

/** The processes of all copies, each with addresses and files of its own. */
function commandsOf(peer: Peer, { shape, copies = 1 }: Scenario, site: Site): readonly Command[] | undefined {
  const all: Command[] = [];
  for (let i = 0; i < copies; i++) {
    const folder = i === 0 ? site.folder : join(site.folder, `copy-${i}`);
    mkdirSync(folder, { recursive: true });
    const moved = (address: Address): Address => ({ ...address, port: address.port + 10 * i });
    const mutual = { ...site.mutual, host: site.mutual.host.replace(/\d+$/, String(1 + i)) };
    const commands = peer.commands(shape, {
      ...site,
      folder,
      mutual,
      front: moved(site.front),
      admin: moved(site.admin),
    });
    if (commands === undefined) return undefined;
    all.push(...commands);
  }
  return all;
}
