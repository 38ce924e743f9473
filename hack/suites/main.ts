/** Runs suites and prints what they found; see `hack/conformance --help`. */
import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { grpc } from "./grpc.ts";
import { h2spec } from "./h2spec.ts";
import type { CaseResult, Suite } from "./result.ts";
import { websocket } from "./websocket.ts";

const suites: Readonly<Record<string, Suite>> = { h2spec, grpc, websocket };

const { values, positionals } = readArguments();
const [tools = "", ...named] = positionals;
const wanted = named.length > 0 ? named : Object.keys(suites);
const unknown = wanted.find((name) => !(name in suites));
if (unknown !== undefined) usage(`"${unknown}"`, `one of ${Object.keys(suites).join(", ")}`);
if (values.output !== "text" && values.output !== "json") usage(`-o "${values.output}"`, "-o json");

const results: CaseResult[] = [];
for (const name of wanted) {
  const suite = suites[name] as Suite;
  const started = performance.now();
  const before = results.length;
  try {
    for await (const result of suite({ tools, verbose: values.verbose })) report(result);
  } catch (error) {
    report({ suite: name, case: "runs", passed: false, detail: String(error) });
  }
  if (results.length === before)
    report({ suite: name, case: "runs", passed: false, detail: "it ran no case" });
  const ran = results.slice(before);
  const passed = ran.filter((each) => each.passed).length;
  const seconds = ((performance.now() - started) / 1000).toFixed(0);
  console.error(`${name}: ${passed} of ${ran.length} cases passed in ${seconds} s`);
}
if (values.output === "json") console.log(JSON.stringify(results, null, 2));
if (values.results !== undefined) {
  const lines = results.map((each) => `${each.passed ? "pass" : "fail"} ${each.suite} ${each.case}\n`);
  writeFileSync(values.results, lines.join(""));
}
const failed = results.filter((each) => !each.passed).length;
console.error(`${results.length - failed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;

function report(result: CaseResult): void {
  results.push(result);
  if (values.output === "json") return;
  if (!result.passed) console.log(`FAIL ${result.suite} ${result.case}: ${result.detail}`);
  else if (values.verbose) console.log(`ok   ${result.suite} ${result.case}`);
}

function usage(found: string, expected: string): never {
  console.error(`hack/conformance: found ${found}; expected ${expected}; next: hack/conformance --help`);
  process.exit(2);
}

function readArguments() {
  try {
    return parseArgs({
      allowPositionals: true,
      options: {
        verbose: { type: "boolean", default: false },
        output: { type: "string", short: "o", default: "text" },
        results: { type: "string" },
      },
    });
  } catch (error) {
    console.error(
      `hack/conformance: ${error instanceof Error ? error.message : error}\nnext: hack/conformance --help`,
    );
    process.exit(2);
  }
}
