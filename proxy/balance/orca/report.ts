/**
 * Load reports that endpoints put into their responses' heads or trailers (ORCA: xds.data.orca.v3.OrcaLoadReport, gRFC A51), in
 * each of the forms that Envoy takes (its source/common/orca). A report that is not all well-formed says nothing.
 */
import { readBinary } from "./binary.ts";
import { readJson } from "./json.ts";
import { readText } from "./text.ts";

/** Metrics by their names in policies: `cpu_utilization`, `named_metrics.NAME`. Values are finite and not negative. */
export type LoadReport = ReadonlyMap<string, number>;

/** A head, or trailers: `header` joins what comes several times with commas. */
export interface ReportHeaders {
  /** `name` is in lower case. */
  header(name: string): string | undefined;
}

/** What no report needs: a fraction of the largest head. */
const MAX_LENGTH = 8 * 1024;

/** gRPC's own header comes first, as in Envoy; the other begins with its form's name. Undefined without a good report. */
export function readLoadReport(headers: ReportHeaders): LoadReport | undefined {
  const binary = headers.header("endpoint-load-metrics-bin");
  if (binary !== undefined) return binary.length > MAX_LENGTH ? undefined : readBinary(binary);
  const value = headers.header("endpoint-load-metrics");
  if (value === undefined || value.length > MAX_LENGTH) return undefined;
  const space = value.indexOf(" ");
  const rest = value.slice(space + 1);
  switch (value.slice(0, space)) {
    case "TEXT":
      return readText(rest);
    case "JSON":
      return readJson(rest);
    case "BIN":
      return readBinary(rest);
    default:
      return undefined;
  }
}
