/** What follows a command: options with a value each, and nothing that is not known. Pure. */

/** Wrong usage: told with the help, exit code 2. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

/** The values by option. Throws UsageError for what is unknown, said twice, or has no value. */
export function readOptions(args: readonly string[], known: readonly string[]): Map<string, string> {
  const values = new Map<string, string>();
  for (let at = 0; at < args.length; at += 2) {
    const name = args[at] ?? "";
    const value = args[at + 1];
    if (!known.includes(name))
      throw new UsageError(`expected one of ${known.join(", ")}, found ${quoted(name)}`);
    if (values.has(name)) throw new UsageError(`${name}: expected once, found it twice`);
    if (value === undefined || value === "" || value.startsWith("--"))
      throw new UsageError(`${name}: expected a value, found ${value ? quoted(value) : "nothing"}`);
    values.set(name, value);
  }
  return values;
}

/** How many processes; 1 by default. `name` is how the user said it. */
export function readConcurrency(name: string, text: string | undefined): number {
  if (text === undefined) return 1;
  const value = Number(text);
  if (/^\d{1,3}$/.test(text) && value <= 256) return value;
  throw new UsageError(`${name}: expected a whole number from 0 (one a core) to 256, found ${quoted(text)}`);
}

/** A number of at most `most`. */
export function readNumber(
  options: ReadonlyMap<string, string>,
  name: string,
  fallback: number,
  most: number,
): number {
  const text = options.get(name);
  if (text === undefined) return fallback;
  const value = Number(text);
  if (/^\d+(\.\d+)?$/.test(text) && value <= most) return value;
  throw new UsageError(`${name}: expected a number from 0 to ${most}, found ${quoted(text)}`);
}

const quoted = (text: string) => JSON.stringify(text);
