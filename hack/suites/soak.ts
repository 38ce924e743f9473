/** The long form of the soak test; see `hack/soak --help`. */
import { parseArgs } from "node:util";
import { type SoakSample, soak, thirds } from "../../test/support/soak.ts";
import { readRecords, writeRecords } from "../benchmark/document.ts";
import { describeMachine } from "../benchmark/machine.ts";

const { minutes, clients, output, document } = readOptions();

function readOptions() {
  try {
    const { values } = parseArgs({
      options: {
        minutes: { type: "string", default: "30" },
        clients: { type: "string", default: "16" },
        output: { type: "string", short: "o", default: "text" },
        "no-docs": { type: "boolean", default: false },
      },
    });
    const { output } = values;
    if (output !== "text" && output !== "json")
      throw new Error(`-o: found "${output}"; expected text or json`);
    return {
      minutes: positive("--minutes", values.minutes),
      clients: positive("--clients", values.clients),
      output,
      document: !values["no-docs"],
    };
  } catch (error) {
    console.error(`hack/soak: ${error instanceof Error ? error.message : error}\nnext: hack/soak --help`);
    process.exit(2);
  }
}

function positive(name: string, text: string): number {
  const number = Number(text);
  if (number > 0 && Number.isFinite(number)) return number;
  throw new Error(`${name}: found "${text}"; expected a number above 0`);
}

/** From the middle third to the last: what swings is less, and a leak that matters is more. */
const MOST_GROWTH_MB = 6;

/** A line every half minute is enough to watch. */
let said = 0;
function progress(sample: SoakSample): void {
  if (sample.seconds < said) return;
  said = sample.seconds + 30;
  const { seconds, requests, client, server } = sample;
  console.error(
    `${seconds.toFixed(0)} s: ${requests} requests, client's proxy ${client.toFixed(1)} MB, server's ${server.toFixed(1)} MB`,
  );
}

const result = await soak({ seconds: minutes * 60, clients, address: "127.0.5.2", progress });
if (output === "json") console.log(JSON.stringify(result, null, 2));
const memory = {
  client: thirds(result.samples.map((sample) => sample.client)),
  server: thirds(result.samples.map((sample) => sample.server)),
};
const grown = {
  client: memory.client.last - memory.client.middle,
  server: memory.server.last - memory.server.middle,
};
for (const error of result.errors.slice(0, 10)) console.error(error);
console.error(
  `${result.requests} requests, ${result.errors.length} failed; from the middle third to the last the client's proxy grew by ${grown.client.toFixed(1)} MB, the server's by ${grown.server.toFixed(1)} MB`,
);
if (document) {
  const soaked = {
    date: new Date().toISOString().slice(0, 10),
    machine: describeMachine(),
    command: ["hack/soak", ...process.argv.slice(2)].join(" "),
    minutes,
    clients,
    requests: result.requests,
    failed: result.errors.length,
    memory,
  };
  writeRecords({ ...readRecords(), soak: soaked });
  console.error("docs/benchmarks.md is written");
}
process.exitCode =
  result.errors.length === 0 && Math.max(grown.client, grown.server) < MOST_GROWTH_MB ? 0 : 1;
