import type { Option } from "./arguments.ts";
import type { Command } from "./command.ts";

const helpOption: Option = { name: "help", short: "h", description: "This text." };

/** What `weft --help` prints. */
export function overview(commands: readonly Command[]): string {
  const width = Math.max(...commands.map((command) => command.name.length));
  return [
    "weft: a service mesh for Kubernetes\n",
    "usage: weft COMMAND [OPTIONS]\n",
    ...commands.map((command) => `  ${command.name.padEnd(width)}  ${command.summary}`),
    "\nexamples:",
    ...commands.flatMap((command) => command.examples.slice(0, 1)).map(([line]) => `  ${line}`),
    "\nweft COMMAND --help says more.\n",
  ].join("\n");
}

/** What `weft COMMAND --help` prints. */
export function commandHelp(command: Command): string {
  const options = [...command.options, helpOption];
  const left = options.map(
    (option) =>
      `${option.short ? `-${option.short}, ` : "    "}--${option.name}${option.value ? ` ${option.value}` : ""}`,
  );
  const width = Math.max(...left.map((text) => text.length));
  const examples = Math.max(...command.examples.map(([line]) => line.length));
  return [
    `weft ${command.name}: ${command.summary}\n`,
    `${usageLine(command)}\n`,
    ...options.map((option, i) => `  ${(left[i] ?? "").padEnd(width)}  ${option.description}`),
    "\nexamples:",
    ...command.examples.map(([line, what]) => `  ${line.padEnd(examples)}  ${what}`),
    "\nexit codes:",
    ...command.exitCodes.map(([code, when]) => `  ${code}  ${when}`),
    "",
  ].join("\n");
}

export function usageLine(command: Command): string {
  const positionals = command.positionals ? ` ${command.positionals.text}` : "";
  return `usage: weft ${command.name} [OPTIONS]${positionals}`;
}
