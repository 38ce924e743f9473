/** The value below which `share` (0 to 1) of `values` lie, by nearest rank; NaN of nothing. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil(share * sorted.length) - 1))] ?? Number.NaN;
}

/** A distribution in one line: `n=30 p50=12.0 p90=20.1 p99=31.0 max=31.0 ms`. */
export function describeDistribution(values: readonly number[], unit: string): string {
  const at = (share: number) => quantile(values, share).toFixed(1);
  return `n=${values.length} p50=${at(0.5)} p90=${at(0.9)} p99=${at(0.99)} max=${at(1)} ${unit}`;
}
