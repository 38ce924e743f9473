import { parseArgs } from "node:util";
import { maxNodes } from "./addresses.ts";
import { controlPlane, nodeComponents } from "./components.ts";

/** Where the cluster comes from: our own, k3s in Docker, or one that the user names. */
export type Provider =
  | { readonly kind: "hermetic" }
  | { readonly kind: "k3s" }
  | { readonly kind: "named"; readonly kubeconfig: string };

/** What `hack/cluster` is asked to do. */
export type Command =
  | { readonly name: "help" }
  | { readonly name: "up"; readonly nodes: number }
  | { readonly name: "down" | "kubeconfig" | "build" }
  | { readonly name: "status"; readonly json: boolean }
  | { readonly name: "load"; readonly archives: readonly string[] }
  | {
      readonly name: "component";
      readonly action: "stop" | "start";
      readonly component: string;
      readonly node: number;
      readonly signal: "SIGTERM" | "SIGKILL";
    }
  | { readonly name: "node-stop" | "node-start"; readonly node: number }
  | { readonly name: "node-exec"; readonly node: number; readonly command: readonly string[] }
  | { readonly name: "kill-container"; readonly id: string }
  | { readonly name: "memory"; readonly id: string; readonly json: boolean };

/** An argument that can't be: the message says what was found and what was expected. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

const commands = ["up", "down", "status", "kubeconfig", "load", "component", "node", "build"];

/** Reads the command line of `hack/cluster`. Throws a UsageError. */
export function parseCommand(
  argv: readonly string[],
  env: NodeJS.ProcessEnv = {},
): { readonly command: Command; readonly provider: Provider } {
  // What comes after `--` belongs to the program that a node runs.
  const split = argv.indexOf("--");
  const own = split < 0 ? argv : argv.slice(0, split);
  const rest = split < 0 ? [] : argv.slice(split + 1);
  const { values, positionals } = read(own);
  const provider: Provider = values.k3s
    ? { kind: "k3s" }
    : values.kubeconfig || env.WEFT_CLUSTER_KUBECONFIG
      ? { kind: "named", kubeconfig: values.kubeconfig || env.WEFT_CLUSTER_KUBECONFIG || "" }
      : { kind: "hermetic" };
  if (values.k3s && values.kubeconfig)
    throw new UsageError("found --k3s and --kubeconfig; expected at most one of them");
  const [name, ...args] = positionals;
  if (values.help || name === "help") return { command: { name: "help" }, provider };
  const json = output(values.output);
  const command = (): Command => {
    switch (name) {
      case "up":
        expectArguments(name, args, 0);
        return { name, nodes: whole(values.nodes ?? "1", "--nodes") };
      case "down":
      case "kubeconfig":
      case "build":
        expectArguments(name, args, 0);
        return { name };
      case "status":
        expectArguments(name, args, 0);
        return { name, json };
      case "load":
        if (args.length === 0)
          throw new UsageError("load: found no file; expected the path of a docker-archive");
        return { name, archives: args };
      case "component":
        return component(args, values);
      case "node":
        return node(args, rest, json);
      default:
        throw new UsageError(
          name === undefined
            ? `found no command; expected one of ${commands.join(", ")}`
            : `found the command "${name}"; expected one of ${commands.join(", ")}`,
        );
    }
  };
  return { command: command(), provider };
}

interface Values {
  readonly nodes?: string | undefined;
  readonly node?: string | undefined;
  readonly signal?: string | undefined;
  readonly output?: string | undefined;
  readonly kubeconfig?: string | undefined;
  readonly k3s?: boolean | undefined;
  readonly help?: boolean | undefined;
}

function read(args: readonly string[]): { values: Values; positionals: string[] } {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        nodes: { type: "string" },
        node: { type: "string" },
        signal: { type: "string" },
        output: { type: "string", short: "o" },
        kubeconfig: { type: "string" },
        k3s: { type: "boolean" },
        help: { type: "boolean", short: "h" },
      },
    });
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

function component(args: readonly string[], values: Values): Command {
  const [action, name] = args;
  const known: readonly string[] = [...controlPlane, ...nodeComponents];
  if (action !== "stop" && action !== "start") {
    throw new UsageError(`component: found "${action ?? ""}"; expected stop or start`);
  }
  if (name === undefined || !known.includes(name)) {
    throw new UsageError(`component ${action}: found "${name ?? ""}"; expected one of ${known.join(", ")}`);
  }
  expectArguments(`component ${action}`, args.slice(2), 0);
  const signal = (values.signal ?? "TERM").replace(/^SIG/, "");
  if (signal !== "TERM" && signal !== "KILL")
    throw new UsageError(`--signal: found "${signal}"; expected TERM or KILL`);
  return {
    name: "component",
    action,
    component: name,
    node: whole(values.node ?? "1", "--node"),
    signal: `SIG${signal}`,
  };
}

function node(args: readonly string[], rest: readonly string[], json: boolean): Command {
  const [action, argument] = args;
  const expected = 'expected "stop N", "start N", "exec N -- COMMAND", "kill-container ID" or "memory ID"';
  if (action === undefined || argument === undefined) {
    throw new UsageError(`node: found "${args.join(" ")}"; ${expected}`);
  }
  expectArguments(`node ${action}`, args.slice(2), 0);
  switch (action) {
    case "stop":
    case "start":
      return { name: `node-${action}`, node: whole(argument, `node ${action}`) };
    case "exec":
      if (rest.length === 0) throw new UsageError("node exec: found no command after --; expected one");
      return { name: "node-exec", node: whole(argument, "node exec"), command: rest };
    case "kill-container":
      return { name: "kill-container", id: containerId(argument) };
    case "memory":
      return { name: "memory", id: containerId(argument), json };
    default:
      throw new UsageError(`node: found "${action}"; ${expected}`);
  }
}

/** A container's id as Kubernetes gives it, with or without `containerd://`. */
function containerId(text: string): string {
  const id = text.replace(/^containerd:\/\//, "");
  if (!/^[0-9a-f]{64}$/.test(id))
    throw new UsageError(`container id: found "${text}"; expected 64 hexadecimal digits`);
  return id;
}

function whole(text: string, what: string): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || value < 1 || value > maxNodes) {
    throw new UsageError(`${what}: found "${text}"; expected a whole number from 1 to ${maxNodes}`);
  }
  return value;
}

function output(text: string | undefined): boolean {
  if (text !== undefined && text !== "json") throw new UsageError(`-o: found "${text}"; expected json`);
  return text === "json";
}

function expectArguments(name: string, args: readonly string[], count: number): void {
  if (args.length > count) throw new UsageError(`${name}: found "${args.join(" ")}"; expected nothing more`);
}
