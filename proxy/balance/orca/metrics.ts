/** The metrics of a load report: a few that everybody has, and maps with names of the application's own. */

export const scalars: readonly string[] = [
  "cpu_utilization",
  "mem_utilization",
  "application_utilization",
  "rps_fractional",
  "eps",
];
export const maps: readonly string[] = ["request_cost", "utilization", "named_metrics"];

/** Whether a report may have a metric of this name. */
export function isMetric(name: string): boolean {
  if (scalars.includes(name)) return true;
  const dot = name.indexOf(".");
  return maps.includes(name.slice(0, dot)) && dot + 1 < name.length;
}

/** Adds a metric; false for a value that weighs nothing: Envoy refuses these, too. */
export function put(metrics: Map<string, number>, name: string, value: number): boolean {
  if (!Number.isFinite(value) || value < 0) return false;
  metrics.set(name, value);
  return true;
}
