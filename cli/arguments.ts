import { UsageError } from "./errors.ts";

export interface Option {
  readonly name: string;
  readonly short?: string;
  /** What its value is called in the help; absent: it takes none. */
  readonly value?: string;
  readonly choices?: readonly string[];
  readonly repeatable?: boolean;
  readonly description: string;
}

/** A command's arguments, checked against its options. */
export interface Arguments {
  readonly positionals: readonly string[];
  flag(name: string): boolean;
  /** The last value given. */
  text(name: string): string | undefined;
  texts(name: string): readonly string[];
}

/** Reads `--name VALUE`, `--name=VALUE`, `-n VALUE`, `-nVALUE` and `--`; throws UsageError for anything unknown. */
export function parseArguments(argv: readonly string[], options: readonly Option[]): Arguments {
  const values = new Map<string, string[]>();
  const positionals: string[] = [];
  const queue = [...argv];
  for (let word = queue.shift(); word !== undefined; word = queue.shift()) {
    if (word === "--") {
      positionals.push(...queue.splice(0));
    } else if (word === "-" || !word.startsWith("-")) {
      positionals.push(word);
    } else {
      const { option, attached } = optionOf(word, options);
      const known = values.get(option.name) ?? [];
      if (option.value !== undefined) known.push(checkedValue(option, word, attached ?? queue.shift()));
      else if (attached !== undefined)
        throw new UsageError(`found ${word}; expected ${written(option)} without a value`);
      values.set(option.name, known);
      if (known.length > 1 && option.repeatable !== true)
        throw new UsageError(`found ${written(option)} ${known.length} times; expected it once`);
    }
  }
  return {
    positionals,
    flag: (name) => values.has(name),
    text: (name) => values.get(name)?.at(-1),
    texts: (name) => values.get(name) ?? [],
  };
}

function optionOf(
  word: string,
  options: readonly Option[],
): { option: Option; attached: string | undefined } {
  const long = word.startsWith("--");
  const equals = word.indexOf("=");
  const name = long ? word.slice(2, equals < 0 ? undefined : equals) : word.slice(1, 2);
  const option = options.find((option) => (long ? option.name === name : option.short === name));
  if (option === undefined) {
    const known = options.map(written).join(", ");
    throw new UsageError(`found unknown option ${long ? `--${name}` : `-${name}`}; expected one of ${known}`);
  }
  const rest = long ? (equals < 0 ? undefined : word.slice(equals + 1)) : word.slice(2) || undefined;
  return { option, attached: long ? rest : rest?.replace(/^=/, "") };
}

function checkedValue(option: Option, word: string, value: string | undefined): string {
  if (value === undefined)
    throw new UsageError(`found ${word} at the end; expected a ${option.value} after it`);
  if (option.choices && !option.choices.includes(value))
    throw new UsageError(`found ${written(option)} ${value}; expected ${option.choices.join(" or ")}`);
  return value;
}

const written = (option: Option) => (option.short ? `-${option.short}/--${option.name}` : `--${option.name}`);
