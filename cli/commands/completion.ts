import type { Option } from "../arguments.ts";
import type { Command } from "../command.ts";
import { UsageError } from "../errors.ts";

const shells = ["bash", "zsh", "fish"] as const;

/** `weft completion`: a script for a shell, made from the commands' own tables. */
export function completionFor(commands: readonly Command[]): Command {
  const completion: Command = {
    name: "completion",
    summary: "prints a completion script for bash, zsh or fish",
    positionals: { text: shells.join("|"), choices: shells },
    options: [],
    examples: [
      ["source <(weft completion bash)", "for this shell"],
      ["weft completion fish > ~/.config/fish/completions/weft.fish", "for every fish"],
    ],
    exitCodes: [
      [0, "it was printed"],
      [2, "wrong usage"],
    ],
    run(args, { out }) {
      const [shell, ...more] = args.positionals;
      const known = shells.find((name) => name === shell);
      if (known === undefined || more.length > 0)
        throw new UsageError(
          `found ${args.positionals.length === 0 ? "no shell" : `"${args.positionals.join(" ")}"`}; expected one of ${shells.join(", ")}`,
        );
      out(scripts[known]([...commands, completion]));
      return Promise.resolve(0);
    },
  };
  return completion;
}

const words = (command: Command) => [
  ...command.options.flatMap((option) => [`--${option.name}`, ...(option.short ? [`-${option.short}`] : [])]),
  "--help",
  ...(command.positionals?.choices ?? []),
];
const takesFile = (option: Option) => option.value === "FILE";
const valued = (commands: readonly Command[], wanted: (option: Option) => boolean) =>
  [...new Set(commands.flatMap((command) => command.options.filter(wanted)).flatMap(spellings))].join("|");
const spellings = (option: Option) => [`--${option.name}`, ...(option.short ? [`-${option.short}`] : [])];

const scripts: Record<(typeof shells)[number], (commands: readonly Command[]) => string> = {
  bash: (commands) => `# bash completion of weft; load with: source <(weft completion bash)
_weft() {
  local word="\${COMP_WORDS[COMP_CWORD]}" previous="\${COMP_WORDS[COMP_CWORD-1]}"
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W "${commands.map((command) => command.name).join(" ")} --help" -- "$word"))
    return
  fi
  case "$previous" in
    ${valued(commands, takesFile)}) COMPREPLY=($(compgen -f -- "$word")); return ;;
    ${valued(commands, (option) => option.choices !== undefined)}) COMPREPLY=($(compgen -W "text json" -- "$word")); return ;;
  esac
  case "\${COMP_WORDS[1]}" in
${commands.map((command) => `    ${command.name}) COMPREPLY=($(compgen -W "${words(command).join(" ")}" -- "$word")) ;;`).join("\n")}
  esac
}
complete -F _weft weft
`,
  zsh: (commands) => `#compdef weft
# zsh completion of weft; load with: source <(weft completion zsh)
_weft() {
  local -a commands
  commands=(
${commands.map((command) => `    ${quoted(`${command.name}:${command.summary}`)}`).join("\n")}
  )
  if (( CURRENT == 2 )); then
    _describe command commands
    return
  fi
  case "$words[2]" in
${commands.map((command) => `    ${command.name}) _arguments ${zshArguments(command)} ;;`).join("\n")}
  esac
}
compdef _weft weft
`,
  fish: (commands) => `# fish completion of weft; load with: weft completion fish | source
complete -c weft -f
${commands
  .flatMap((command) => [
    `complete -c weft -n __fish_use_subcommand -a ${command.name} -d ${quoted(command.summary)}`,
    ...command.options.map(
      (option) =>
        `complete -c weft -n '__fish_seen_subcommand_from ${command.name}' -l ${option.name}${option.short ? ` -s ${option.short}` : ""}${fishValue(option)} -d ${quoted(option.description)}`,
    ),
    ...(command.positionals?.choices ?? []).map(
      (choice) => `complete -c weft -n '__fish_seen_subcommand_from ${command.name}' -a ${choice}`,
    ),
  ])
  .join("\n")}
`,
};

function zshArguments(command: Command): string {
  const options = command.options.flatMap((option) => {
    const what = option.description.replaceAll(/[[\]:]/g, " ");
    const action = takesFile(option) ? "_files" : option.choices ? `(${option.choices.join(" ")})` : "";
    const value = option.value === undefined ? "" : `:${option.value}:${action}`;
    return spellings(option).map((spelling) =>
      quoted(`${option.repeatable ? "*" : ""}${spelling}[${what}]${value}`),
    );
  });
  const choices = command.positionals?.choices;
  const positional = choices === undefined ? [] : [quoted(`2:${command.name}:(${choices.join(" ")})`)];
  return [...options, quoted("--help[this text]"), ...positional].join(" ");
}

function fishValue(option: Option): string {
  if (option.value === undefined) return "";
  if (option.choices) return ` -x -a '${option.choices.join(" ")}'`;
  return takesFile(option) ? " -r -F" : " -x";
}

const quoted = (text: string) => `'${text.replaceAll("'", "'\\''")}'`;
