/**
 * What load reports make of an endpoint: a weight, and whether it counts yet, or still. Envoy's client_side_weighted_round_robin,
 * which is gRPC's weighted_round_robin (gRFC A58).
 */
import type { BackendUtilization } from "../../crds/service-config.ts";
import type { LoadReport } from "./orca/report.ts";

/** Beyond these, heavier or lighter makes no difference, and sums of turns stay exact. */
const MAX_WEIGHT = 2 ** 32;
const MIN_WEIGHT = 2 ** -32;

/**
 * Requests a second that the endpoint serves, by its utilization, to which its share of errors adds; undefined when the report does
 * not say enough.
 */
export function weightOf(
  report: LoadReport,
  {
    metricNames,
    errorUtilizationPenalty,
  }: Pick<BackendUtilization, "metricNames" | "errorUtilizationPenalty">,
): number | undefined {
  const qps = report.get("rps_fractional") ?? 0;
  const errors = (report.get("eps") ?? 0) / qps;
  const utilization = utilizationOf(report, metricNames) + errors * errorUtilizationPenalty;
  const weight = qps / utilization;
  return qps > 0 && utilization > 0 ? Math.min(Math.max(weight, MIN_WEIGHT), MAX_WEIGHT) : undefined;
}

/** The named metrics come first where one is above 0, as in Envoy since 1.38. */
function utilizationOf(report: LoadReport, names: readonly string[]): number {
  return (
    largest(report, names) || report.get("application_utilization") || report.get("cpu_utilization") || 0
  );
}

/** `named_metrics.*` is all of a map. */
function largest(report: LoadReport, names: readonly string[]): number {
  let most = 0;
  for (const name of names) {
    if (!name.endsWith(".*")) most = Math.max(most, report.get(name) ?? 0);
    else
      for (const [metric, value] of report)
        if (metric.startsWith(name.slice(0, -1))) most = Math.max(most, value);
  }
  return most;
}

export class ReportedWeight {
  #weight = 0;
  /** The first report of a row in which none was missing for the expiration's time, and the last one. */
  #since = 0;
  #last = Number.NEGATIVE_INFINITY;

  /** A report has come. */
  report(weight: number, now: number, expirationMs: number): void {
    if (now - this.#last > expirationMs) this.#since = now;
    this.#weight = weight;
    this.#last = now;
  }

  /** The weight while it counts. */
  at(
    now: number,
    { stabilizationMs, expirationMs }: Pick<BackendUtilization, "stabilizationMs" | "expirationMs">,
  ): number | undefined {
    const counts = now - this.#last <= expirationMs && now - this.#since >= stabilizationMs;
    return counts ? this.#weight : undefined;
  }
}
