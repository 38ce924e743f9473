/**
 * How long the injector's own work takes, from the review's text to the answer's text: what a request costs besides
 * HTTPS. Prints a table; asserts nothing, as machines differ.
 *
 *     node_modules/.bin/node hack/benchmark/inject.ts [rounds]
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { handleInject, injectionSettings } from "../../webhook/index.ts";

const rounds = Number(process.argv[2] ?? 3_000);
const folder = join(import.meta.dirname, "../../webhook/inject/testdata");
const settings = injectionSettings({
  proxyImage: "weft.dev/proxy:dev",
  // A certificate's PEM of the usual length; its content does not matter here.
  caRoot: `-----BEGIN CERTIFICATE-----\n${"A".repeat(900)}\n-----END CERTIFICATE-----\n`,
});

const shapes = [
  "no-maps",
  "deployment",
  "init-containers",
  "probes",
  "traffic",
  "proxy-config",
  "overlay",
  "resources-all",
  "already-injected",
];

function review(shape: string): string {
  const { pod } = parse(readFileSync(join(folder, `${shape}.case.yaml`), "utf8")) as { pod: unknown };
  return JSON.stringify({
    apiVersion: "admission.k8s.io/v1",
    kind: "AdmissionReview",
    request: {
      uid: "705ab4f5-6393-11e8-b7cc-42010a800002",
      kind: { group: "", version: "v1", kind: "Pod" },
      resource: { group: "", version: "v1", resource: "pods" },
      namespace: "shop",
      operation: "CREATE",
      object: pod,
    },
  });
}

/** Microseconds of each round, ascending. */
function measure(text: string): { times: number[]; bytes: number } {
  const times: number[] = [];
  let bytes = 0;
  for (let round = 0; round < rounds; round++) {
    const start = process.hrtime.bigint();
    const answer = JSON.stringify(handleInject(JSON.parse(text), settings));
    times.push(Number(process.hrtime.bigint() - start) / 1_000);
    bytes = answer.length;
  }
  return { times: times.sort((a, b) => a - b), bytes };
}

function quantile(times: readonly number[], share: number): string {
  return (times[Math.min(times.length - 1, Math.floor(times.length * share))] ?? Number.NaN).toFixed(0);
}

const known = new Set(readdirSync(folder));
for (const shape of shapes)
  if (!known.has(`${shape}.case.yaml`)) throw new Error(`no shape ${shape} in ${folder}`);

console.log(`${rounds} rounds a shape, Node ${process.version}; microseconds`);
console.log(
  `${"shape".padEnd(18)}${["p50", "p99", "max", "answer bytes"].map((head) => head.padStart(14)).join("")}`,
);
for (const shape of shapes) {
  const text = review(shape);
  measure(text); // lets the compiler warm up, as a running server has
  const { times, bytes } = measure(text);
  const row = [quantile(times, 0.5), quantile(times, 0.99), quantile(times, 1), String(bytes)];
  console.log(`${shape.padEnd(18)}${row.map((cell) => cell.padStart(14)).join("")}`);
}
