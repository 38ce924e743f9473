/** `--name value`, `--name=value` and `--flag`, each kept in order; a repeated option has several values. */
export function parseOptions(args: readonly string[]): Map<string, string[]> {
  const options = new Map<string, string[]>();
  for (let i = 0; i < args.length; i++) {
    const arg = args[i] ?? "";
    if (!arg.startsWith("-")) throw new Error(`found "${arg}"; expected an option such as --url`);
    const [name = "", inline] = arg.replace(/^--?/, "").split(/=(.*)/s);
    const next = args[i + 1];
    let value = inline ?? "true";
    if (inline === undefined && next !== undefined && !next.startsWith("-")) {
      value = next;
      i += 1;
    }
    options.set(name, [...(options.get(name) ?? []), value]);
  }
  return options;
}

/** The last value of an option, or the default. */
export function option(options: Map<string, string[]>, name: string, otherwise: string): string {
  return options.get(name)?.at(-1) ?? otherwise;
}

/** `2ms`, `10s` or a plain number of milliseconds. */
export function milliseconds(text: string): number {
  const match = /^(\d+(?:\.\d+)?)(ms|s)?$/.exec(text);
  if (match === null) throw new Error(`found the duration "${text}"; expected for example 2ms or 10s`);
  return Number(match[1]) * (match[2] === "s" ? 1000 : 1);
}

/** `NAME:VALUE` pairs as headers. */
export function headers(pairs: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    pairs.map((pair) => {
      const at = pair.indexOf(":");
      if (at < 1) throw new Error(`found the header "${pair}"; expected NAME:VALUE`);
      return [pair.slice(0, at), pair.slice(at + 1).trim()];
    }),
  );
}
