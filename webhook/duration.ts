/** Go's duration syntax, which Istio's fields are written in: `1h30m`, `1.5s`, `100ms`. */

const nanosecondsPer: Readonly<Record<string, bigint>> = {
  ns: 1n,
  us: 1_000n,
  µs: 1_000n,
  μs: 1_000n,
  ms: 1_000_000n,
  s: 1_000_000_000n,
  m: 60_000_000_000n,
  h: 3_600_000_000_000n,
};

const longestText = 64;
/** Go keeps durations in an int64 of nanoseconds: about 292 years. */
const most = 2n ** 63n - 1n;

/** Nanoseconds, or undefined when the text is no Go duration. */
export function parseDuration(text: string): bigint | undefined {
  if (text === "" || text.length > longestText) return undefined;
  const negative = text.startsWith("-");
  let rest = negative || text.startsWith("+") ? text.slice(1) : text;
  if (rest === "0") return 0n;
  if (rest === "") return undefined;
  let total = 0n;
  while (rest !== "") {
    const part = /^([0-9]*)(?:\.([0-9]*))?(ns|us|µs|μs|ms|s|m|h)/.exec(rest);
    if (part === null) return undefined;
    const [whole = "", fraction = "", unit = ""] = part.slice(1);
    if (whole === "" && fraction === "") return undefined;
    const scale = nanosecondsPer[unit] ?? 0n;
    total += BigInt(whole === "" ? "0" : whole) * scale;
    if (fraction !== "") total += (BigInt(fraction) * scale) / 10n ** BigInt(fraction.length);
    if (total > most) return undefined;
    rest = rest.slice(part[0].length);
  }
  return negative ? -total : total;
}

export const millisecond = 1_000_000n;
export const second = 1_000_000_000n;
