/** What a command is, and what it is given. */
import type { Client, Clock } from "../kube/index.ts";
import type { Arguments, Option } from "./arguments.ts";

/** The world outside, passed in. */
export interface Surroundings {
  readonly out: (text: string) => void;
  readonly err: (text: string) => void;
  readonly stdin: () => Promise<string>;
  /** Reads a text file. */
  readonly read: (path: string) => Promise<string>;
  /** Paths of the YAML and JSON files below a folder, sorted; undefined when the path is no folder. */
  readonly list: (path: string) => Promise<readonly string[] | undefined>;
  /** `config/install.yaml` and `config/samples/meshinstallation.yaml`, as this version has them. */
  readonly bundled: (name: "install" | "sample") => Promise<string>;
  readonly connect: (options: Connection) => Promise<Client>;
  readonly clock: Clock;
  readonly version: string;
}

export interface Connection {
  readonly kubeconfig: string | undefined;
  readonly context: string | undefined;
}

export interface Command {
  readonly name: string;
  /** What it does, in a line of the overview. */
  readonly summary: string;
  /** Positional arguments as the usage line shows them. */
  readonly positionals?: { readonly text: string; readonly choices?: readonly string[] };
  readonly options: readonly Option[];
  readonly examples: readonly (readonly [command: string, what: string])[];
  readonly exitCodes: readonly (readonly [code: number, when: string])[];
  run(args: Arguments, surroundings: Surroundings): Promise<number>;
}

export const connectionOptions: readonly Option[] = [
  {
    name: "kubeconfig",
    value: "FILE",
    description: "The cluster; by default $KUBECONFIG, then ~/.kube/config.",
  },
  { name: "context", value: "NAME", description: "A context of the kubeconfig; by default its current one." },
];

export const outputOption: Option = {
  name: "output",
  short: "o",
  value: "FORMAT",
  choices: ["text", "json"],
  description: "text (the default) or json.",
};

export const connectionOf = (args: Arguments): Connection => ({
  kubeconfig: args.text("kubeconfig"),
  context: args.text("context"),
});
