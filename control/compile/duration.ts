const unitMs: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  μs: 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
};

const duration = /^(?:\d+(?:\.\d*)?|\.\d+)(?:ns|us|µs|μs|ms|s|m|h)/;

/**
 * Whole milliseconds of a duration as Istio's kinds write it (Go's `time.ParseDuration`: `1.5s`, `1h30m`), or undefined where
 * there is none or it cannot be read. The schema admits readable ones only, so that what is not came past it: the
 * setting then has its default.
 */
export function parseDurationMs(text: string | undefined): number | undefined {
  if (text === undefined || text === "") return undefined;
  if (text === "0") return 0;
  let rest = text;
  let total = 0;
  while (rest !== "") {
    const part = duration.exec(rest)?.[0];
    if (part === undefined) return undefined;
    const unit = part.replace(/^[\d.]+/, "");
    total += Number.parseFloat(part) * (unitMs[unit] ?? 0);
    rest = rest.slice(part.length);
  }
  // Whole milliseconds are what the compiled kinds hold, and what validation admits; a shorter time is not none.
  return total > 0 ? Math.max(1, Math.round(total)) : 0;
}
