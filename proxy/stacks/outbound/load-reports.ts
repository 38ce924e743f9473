/** What endpoints say of their load in responses. The reports go on to the client, as in Envoy: another proxy may balance by them. */
import type { BackendUtilization } from "../../../crds/service-config.ts";
import { type ReportHeaders, readLoadReport } from "../../balance/orca/report.ts";
import { weightOf } from "../../balance/reported-weight.ts";
import type { EndpointHandle } from "../../config/view.ts";

/** Takes the report in a response's head, or the later one in its trailers. One that makes no weight changes nothing. */
export function learnLoad(
  endpoint: EndpointHandle | undefined,
  headers: ReportHeaders,
  policy: BackendUtilization,
  now: number,
): void {
  const report = readLoadReport(headers);
  const weight = report && weightOf(report, policy);
  if (weight !== undefined) endpoint?.reportWeight(weight, now, policy.expirationMs);
}
