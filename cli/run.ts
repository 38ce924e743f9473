import { ApiError, ConnectionError, messageOf } from "../kube/index.ts";
import { parseArguments } from "./arguments.ts";
import type { Command, Surroundings } from "./command.ts";
import { commands } from "./commands/index.ts";
import { CommandError, UsageError } from "./errors.ts";
import { commandHelp, overview, usageLine } from "./help.ts";

/** Runs one command line (without node and script) and answers the exit code. */
export async function run(argv: readonly string[], surroundings: Surroundings): Promise<number> {
  const [name, ...rest] = argv;
  if (name === undefined || name === "--help" || name === "-h" || name === "help") {
    const topic = name === "help" ? commands.find((command) => command.name === rest[0]) : undefined;
    surroundings.out(topic === undefined ? overview(commands) : commandHelp(topic));
    return name === undefined ? 2 : 0;
  }
  const command = commands.find((command) => command.name === (name === "--version" ? "version" : name));
  if (command === undefined) {
    const known = commands.map((command) => command.name).join(", ");
    surroundings.err(`weft: found command "${name}"; expected one of ${known}\nnext: weft --help\n`);
    return 2;
  }
  const end = rest.indexOf("--");
  if ((end < 0 ? rest : rest.slice(0, end)).some((word) => word === "--help" || word === "-h")) {
    surroundings.out(commandHelp(command));
    return 0;
  }
  try {
    return await command.run(parseArguments(rest, command.options), surroundings);
  } catch (error) {
    return report(error, command, surroundings);
  }
}

/** Says what went wrong; errors of the program itself keep their stack. */
function report(error: unknown, command: Command, { err }: Surroundings): number {
  if (error instanceof UsageError) {
    err(`weft ${command.name}: ${error.message}\n${usageLine(command)}\nnext: weft ${command.name} --help\n`);
    return 2;
  }
  if (error instanceof ConnectionError) {
    err(
      `weft ${command.name}: ${error.message}\nnext: check --kubeconfig, --context and that the cluster is up\n`,
    );
    return 1;
  }
  if (error instanceof ApiError || error instanceof CommandError) {
    err(`weft ${command.name}: ${error.message}\n`);
    return 1;
  }
  const stack = error instanceof Error ? error.stack : undefined;
  err(`weft ${command.name}: ${stack ?? messageOf(error)}\n`);
  return 1;
}
