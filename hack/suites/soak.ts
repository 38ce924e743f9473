/** The long form of the soak test; see `hack/soak --help`. */
import { parseArgs } from "node:util";
import { growth, type SoakSample, soak } from "../../test/support/soak.ts";

const { values } = parseArgs({
  options: {
    minutes: { type: "string", default: "30" },
    clients: { type: "string", default: "16" },
    output: { type: "string", short: "o", default: "text" },
  },
});

function positive(name: "minutes" | "clients"): number {
  const number = Number(values[name]);
  if (number > 0 && Number.isFinite(number)) return number;
  console.error(`hack/soak: --${name}: found "${values[name]}"; expected a number above 0`);
  process.exit(2);
}

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

const result = await soak({
  seconds: positive("minutes") * 60,
  clients: positive("clients"),
  address: "127.0.5.2",
  progress,
});
if (values.output === "json") console.log(JSON.stringify(result, null, 2));
const grown = (side: "client" | "server") => growth(result.samples.map((sample) => sample[side]));
const [client, server] = [grown("client"), grown("server")];
for (const error of result.errors.slice(0, 10)) console.error(error);
console.error(
  `${result.requests} requests, ${result.errors.length} failed; from the middle third to the last the client's proxy grew by ${client.toFixed(1)} MB, the server's by ${server.toFixed(1)} MB`,
);
process.exitCode = result.errors.length === 0 && client < 6 && server < 6 ? 0 : 1;
