/** What the command line asks for; ends the process with 2 when it cannot be meant. */
import { parseArgs } from "node:util";
import { named, peers } from "./peers/index.ts";
import { chosen, type Scenario } from "./scenarios.ts";
import type { Peer } from "./shape.ts";

export interface Options {
  readonly scenarios: readonly Scenario[];
  readonly peers: readonly Peer[];
  readonly rounds: number;
  readonly seconds: number;
  /** Undefined: the scenario says. */
  readonly warmSeconds: number | undefined;
  readonly output: "text" | "json";
  /** A file for the rows. */
  readonly json: string | undefined;
  /** Whether docs/benchmarks.md is written: not with some of the peers, as its tables compare. */
  readonly document: boolean;
  /** As it is told in the document. */
  readonly command: string;
}

export function readOptions(args: readonly string[]): Options {
  try {
    return parse(args);
  } catch (error) {
    console.error(`hack/bench: ${error instanceof Error ? error.message : error}\nnext: hack/bench --help`);
    process.exit(2);
  }
}

function parse(args: readonly string[]): Options {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      quick: { type: "boolean", default: false },
      json: { type: "string" },
      output: { type: "string", short: "o", default: "text" },
      rounds: { type: "string", default: "3" },
      seconds: { type: "string" },
      warm: { type: "string" },
      peers: { type: "string" },
      "no-docs": { type: "boolean", default: false },
    },
  });
  const { output } = values;
  if (output !== "text" && output !== "json") throw new Error(`-o: found "${output}"; expected text or json`);
  return {
    scenarios: chosen(positionals, values.quick),
    peers: values.peers === undefined ? peers : peersNamed(values.peers.split(",")),
    rounds: Math.ceil(positive("--rounds", values.rounds)),
    seconds: positive("--seconds", values.seconds ?? (values.quick ? "5" : "3")),
    warmSeconds: values.warm === undefined ? undefined : positive("--warm", values.warm),
    output,
    json: values.json,
    document: !values["no-docs"] && values.peers === undefined,
    command: ["hack/bench", ...positionals, ...(values.quick ? ["--quick"] : [])].join(" "),
  };
}

function positive(name: string, text: string): number {
  const value = Number(text);
  if (!(value > 0)) throw new Error(`${name}: found "${text}"; expected a number above 0`);
  return value;
}

function peersNamed(names: readonly string[]): readonly Peer[] {
  const unknown = names.find((name) => !named.some((peer) => peer.name === name));
  if (unknown !== undefined) {
    throw new Error(`--peers: found "${unknown}"; expected of ${named.map((peer) => peer.name).join(",")}`);
  }
  return named.filter((peer) => names.includes(peer.name));
}
