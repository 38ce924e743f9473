/** `hack/bench [SCENARIO…]`: peers and Weft in turn; see `hack/bench --help`. */
import { rmSync, writeFileSync } from "node:fs";
import { backendCommand } from "./backends.ts";
import { readRecords, type ScenarioRecord, writeRecords } from "./document.ts";
import { describeMachine } from "./machine.ts";
import { measure, type Sample } from "./measure.ts";
import { readOptions } from "./options.ts";
import { endAll, LOAD_CORE, start } from "./processes.ts";
import { step } from "./progress.ts";
import { type Result, summarize } from "./rows.ts";
import type { Scenario } from "./scenarios.ts";
import { scratchFolder } from "./scratch.ts";
import type { Peer, Site } from "./shape.ts";
import { makeSite } from "./site.ts";
import { remarks, table } from "./table.ts";

const run = readOptions(process.argv.slice(2));
const folder = scratchFolder("weft-bench-");

/** All peers in turn, round by round; a peer that fails is out, and says why. */
async function measureScenario(scenario: Scenario, site: Site): Promise<Result[]> {
  await using _backend = await start("the backend", backendCommand(scenario.backend, site), LOAD_CORE);
  const samples = new Map<Peer, Sample[]>();
  const failures = new Map<Peer, string>();
  const seconds = Math.max(1, Math.round(run.seconds * scenario.share));
  const rounds = Math.min(run.rounds, scenario.rounds ?? run.rounds);
  for (let round = 1; round <= rounds; round++) {
    for (const peer of run.peers) {
      if (failures.has(peer)) continue;
      try {
        const warmSeconds = run.warmSeconds ?? scenario.warmSeconds;
        const sample = await measure(peer, scenario, site, { seconds, warmSeconds });
        if (sample === undefined) continue;
        samples.set(peer, [...(samples.get(peer) ?? []), sample]);
        const rate =
          sample.rate === 0 ? `${sample.memory.pssMb.toFixed(1)} MB` : `${sample.rate.toFixed(0)}/s`;
        step(`${scenario.name}, round ${round} of ${rounds}: ${peer.name} ${rate}`);
      } catch (error) {
        const message = error instanceof Error ? error.message : String(error);
        failures.set(peer, message);
        step(`${scenario.name}: ${peer.name} failed: ${message}`);
      }
    }
  }
  return run.peers.flatMap((peer): Result[] => {
    const failure = failures.get(peer);
    if (failure !== undefined) return [{ scenario: scenario.name, peer: peer.name, failure }];
    const found = samples.get(peer);
    return found === undefined ? [] : [summarize(scenario.name, peer.name, found)];
  });
}

const found = new Map<Scenario, readonly Result[]>();
try {
  const site = await makeSite(folder);
  for (const scenario of run.scenarios) {
    const results = await measureScenario(scenario, site);
    found.set(scenario, results);
    if (run.output === "text") {
      console.log(`\n${scenario.name}: ${scenario.title}\n\n${table(results)}`);
      for (const line of remarks(scenario.name, results)) console.log(line.replaceAll("**", ""));
    }
  }
} finally {
  endAll();
  rmSync(folder, { recursive: true, force: true });
}

const results = [...found.values()].flat();
const rows = results.flatMap((result) => ("row" in result ? [result.row] : []));
if (run.output === "json") console.log(JSON.stringify(rows, null, 2));
if (run.json !== undefined) writeFileSync(run.json, `${JSON.stringify(rows, null, 2)}\n`);
if (run.document) {
  const records = readRecords();
  const fresh = [...found].map(([scenario, results]): [string, ScenarioRecord] => [
    scenario.name,
    {
      date: new Date().toISOString().slice(0, 10),
      machine: describeMachine(),
      command: run.command,
      rounds: Math.min(run.rounds, scenario.rounds ?? run.rounds),
      seconds: Math.max(1, Math.round(run.seconds * scenario.share)),
      results,
    },
  ]);
  writeRecords({ ...records, scenarios: { ...records.scenarios, ...Object.fromEntries(fresh) } });
  step("docs/benchmarks.md is written");
}
process.exitCode = results.some((result) => "failure" in result) ? 1 : 0;
