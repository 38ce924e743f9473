/** `hack/bench profile SCENARIO`: where Weft's time goes in a scenario; see `hack/bench --help`. */
import { mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { parseArgs } from "node:util";
import { bunPath } from "../../../test/support/bun.ts";
import { anonymousBytes, WITHOUT_COLLECTOR } from "../../../test/support/counts.ts";
import { backendCommand } from "../backends.ts";
import { readRecords, writeRecords } from "../document.ts";
import type { Target } from "../loads/load.ts";
import { describeMachine } from "../machine.ts";
import { weft } from "../peers/weft.ts";
import { type Command, endAll, LOAD_CORE, PROXY_CORE, type Started, start } from "../processes.ts";
import { step } from "../progress.ts";
import { chosen, type Scenario } from "../scenarios.ts";
import { scratchFolder } from "../scratch.ts";
import { pathOf, type Site } from "../shape.ts";
import { makeSite } from "../site.ts";
import { verify } from "../verify.ts";
import { functionsIn, perf } from "./cpu.ts";
import { type ProfileRecord, type ProxyProfile, profileSection } from "./section.ts";

const root = join(import.meta.dirname, "../../..");
const WARM_SECONDS = 2;
/** What is allocated stays meanwhile. */
const ALLOCATION_SECONDS = 1;

function readOptions() {
  try {
    const { values, positionals } = parseArgs({
      allowPositionals: true,
      options: {
        seconds: { type: "string", default: "5" },
        output: { type: "string", short: "o", default: "text" },
        "no-docs": { type: "boolean", default: false },
      },
    });
    if (positionals.length === 0) throw new Error("found no scenario; expected one, such as h1-plaintext");
    const scenarios = chosen(positionals, false).filter((each) => each.load !== undefined);
    return { ...values, scenarios };
  } catch (error) {
    console.error(
      `hack/bench profile: ${error instanceof Error ? error.message : error}\nnext: hack/bench --help`,
    );
    process.exit(2);
  }
}

const options = readOptions();
const seconds = Number(options.seconds);
const folder = scratchFolder("weft-profile-");
/** Profiles that a viewer of flame graphs opens. */
const kept = join(process.env.WEFT_CACHE ?? tmpdir(), "profiles");
mkdirSync(kept, { recursive: true });

/** Starts the proxies, warms them, and hands them to `work`; they end by SIGTERM, so that they can write what they collected. */
async function withProxies<T>(
  scenario: Scenario,
  site: Site,
  change: (command: Command, index: number) => Command,
  work: (proxies: readonly Started[], load: (seconds: number) => Promise<number>) => Promise<T>,
): Promise<T> {
  const commands = weft.commands(scenario.shape, site) ?? [];
  const proxies: Started[] = [];
  const target: Target = { ...site, path: pathOf(scenario.shape) };
  const load = async (duration: number) => (await scenario.load?.(target, duration))?.count ?? 0;
  try {
    for (const [i, command] of [...commands.entries()].toReversed()) {
      proxies.unshift(await start("weft", change(command, i), PROXY_CORE));
    }
    await verify(scenario, target);
    await load(WARM_SECONDS);
    return await work(proxies, load);
  } finally {
    for (const each of proxies) await Promise.race([each.stop("SIGTERM"), delay(10_000)]);
    for (const each of proxies) await each.stop();
  }
}

/** Bun's profiles, one a proxy. */
async function javascript(scenario: Scenario, site: Site): Promise<string[]> {
  const profiler = [bunPath(), "--cpu-prof", `--cpu-prof-dir=${kept}`];
  const names: string[] = [];
  const change = (command: Command, i: number): Command => {
    const name = `${scenario.name}-${i}.cpuprofile`;
    names[i] = join(kept, name);
    return {
      ...command,
      argv: [...profiler, `--cpu-prof-name=${name}`, join(root, "proxy/main.ts"), ...command.argv.slice(1)],
    };
  };
  await withProxies(scenario, site, change, (_, load) => load(seconds));
  return names;
}

async function native(scenario: Scenario, site: Site) {
  return withProxies(
    scenario,
    site,
    (command) => command,
    async (proxies, load) => {
      const sampled = proxies.map((proxy, i) => perf(proxy.pid, seconds, join(folder, `perf-${i}`)));
      await load(seconds + 1);
      return Promise.all(sampled);
    },
  );
}

/** System calls for each of what the scenario counts, of every proxy: strace slows them down, but changes no count. */
async function calls(scenario: Scenario, site: Site): Promise<ProxyProfile["calls"][]> {
  return withProxies(
    scenario,
    site,
    (command) => command,
    async (proxies, load) => {
      const files = proxies.map((_, i) => join(folder, `strace-${i}`));
      const tracers: Started[] = [];
      for (const [i, proxy] of proxies.entries()) {
        const argv = ["strace", "-c", "-f", "-p", String(proxy.pid), "-o", files[i] ?? ""];
        tracers.push(await start("strace", { argv }, LOAD_CORE));
      }
      await delay(500); // until they are attached
      const count = await load(2);
      for (const each of tracers) await each.stop("SIGINT");
      return files.map((file) => callsIn(readFileSync(file, "utf8"), count));
    },
  );
}

/** Of the summary of `strace -c`: the calls that at least every fiftieth makes. */
function callsIn(text: string, count: number): ProxyProfile["calls"] {
  const found = [...text.matchAll(/^\s*[\d.]+\s+[\d.]+\s+\d+\s+(\d+)\s+(?:\d+\s+)?([a-z]\w*)$/gm)];
  return found
    .map(([, calls, name]) => ({ name: name ?? "", each: Number(calls) / count }))
    .filter(({ name, each }) => name !== "total" && each >= 0.02)
    .sort((a, b) => b.each - a.each);
}

/** Bytes that each proxy allocates for each of what the scenario counts, by proxies that collect nothing. */
async function allocations(scenario: Scenario, site: Site): Promise<number[]> {
  return withProxies(
    scenario,
    site,
    (command) => ({ ...command, env: { ...command.env, ...WITHOUT_COLLECTOR } }),
    async (proxies, load) => {
      const before = proxies.map(({ pid }) => anonymousBytes(pid));
      const count = await load(ALLOCATION_SECONDS);
      return proxies.map(({ pid }, i) => (anonymousBytes(pid) - (before[i] ?? 0)) / count);
    },
  );
}

async function profile(scenario: Scenario, site: Site): Promise<ProfileRecord> {
  await using _backend = await start("the backend", backendCommand(scenario.backend, site), LOAD_CORE);
  step(`${scenario.name}: CPU profile`);
  const profiles = await javascript(scenario, site);
  step(`${scenario.name}: perf`);
  const around = await native(scenario, site);
  step(`${scenario.name}: system calls`);
  const counted = await calls(scenario, site);
  step(`${scenario.name}: allocations`);
  const allocated = await allocations(scenario, site);
  const roles =
    profiles.length === 2 ? (["client's proxy", "server's proxy"] as const) : (["proxy"] as const);
  return {
    date: new Date().toISOString().slice(0, 10),
    machine: describeMachine(),
    unit: scenario.unit,
    proxies: roles.map((role, i) => ({
      role,
      parts: around[i]?.parts ?? [],
      native: around[i]?.native ?? [],
      functions: functionsIn(profiles[i] ?? "", root),
      calls: counted[i] ?? [],
      allocated: allocated[i] ?? 0,
    })),
  };
}

const found: [string, ProfileRecord][] = [];
try {
  const site = await makeSite(folder);
  for (const scenario of options.scenarios) {
    const record = await profile(scenario, site);
    found.push([scenario.name, record]);
    if (options.output !== "json") console.log(`\n${profileSection([scenario.name, record])}`);
  }
} finally {
  endAll();
  rmSync(folder, { recursive: true, force: true });
}
if (options.output === "json") console.log(JSON.stringify(Object.fromEntries(found), null, 2));
step(
  `profiles for a viewer of flame graphs: ${readdirSync(kept)
    .map((name) => join(kept, name))
    .join(" ")}`,
);
if (!options["no-docs"]) {
  const records = readRecords();
  writeRecords({ ...records, profiles: { ...records.profiles, ...Object.fromEntries(found) } });
  step("docs/benchmarks.md is written");
}
