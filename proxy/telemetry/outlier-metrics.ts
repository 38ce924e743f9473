/** How outlier detection stands, by cluster: for clusters whose policy has it, and read when somebody looks. */
import type { OutlierReport } from "../config/view.ts";
import { Readings } from "./counters.ts";
import type { Family, MetricType } from "./exposition.ts";

export function outlierMetrics(reports: () => readonly OutlierReport[]): readonly Family[] {
  const family = (name: string, help: string, type: MetricType, value: (report: OutlierReport) => number) =>
    new Readings(name, help, ["cluster"], type, () =>
      reports().map((report) => [[report.cluster], value(report)] as const),
    );
  return [
    family(
      "weft_outlier_ejections_total",
      "Endpoints set aside because they failed too often in a row.",
      "counter",
      ({ ejections }) => ejections,
    ),
    family("weft_outlier_ejected", "Endpoints set aside now.", "gauge", ({ ejected }) => ejected),
    family(
      "weft_outlier_panics_total",
      "Requests sent to any endpoint because fewer than minHealthPercent are healthy.",
      "counter",
      ({ panics }) => panics,
    ),
  ];
}
