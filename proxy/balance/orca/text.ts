/** `cpu_utilization=0.3,named_metrics.queue=7`, or with colons; a name comes once. */
import { isMetric, put } from "./metrics.ts";

const DECIMAL = /^(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/;

export function readText(text: string): Map<string, number> | undefined {
  const metrics = new Map<string, number>();
  for (const entry of text.split(",")) {
    const end = entry.search(/[=:]/);
    const name = entry.slice(0, Math.max(end, 0)).trim();
    const value = entry.slice(end + 1).trim();
    if (!isMetric(name) || metrics.has(name) || !DECIMAL.test(value)) return undefined;
    if (!put(metrics, name, Number(value))) return undefined;
  }
  return metrics;
}
