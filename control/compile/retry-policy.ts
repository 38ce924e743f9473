import type { RetryPolicy } from "../../crds/service-config.ts";
import { parseDurationMs } from "./duration.ts";
import type { HttpRouteSpec } from "./istio.ts";

/** What is retried when a route does not say: nothing that reached the application. */
const defaultRetryOn = [
  "connect-failure",
  "refused-stream",
  "unavailable",
  "cancelled",
  "retriable-status-codes",
];

/** Istio's policy for routes that have none, and for services without a VirtualService: two retries. */
const defaultRetryPolicy: RetryPolicy = {
  attempts: 2,
  retryOn: defaultRetryOn,
  retriableStatusCodes: [],
  backoffMs: 25,
  retryRemoteLocalities: false,
  ignorePreviousHosts: true,
};

/** The policy written out. `attempts: 0`, said or left out beside other fields, turns retries off. */
export function retryPolicy(spec: HttpRouteSpec["retries"]): RetryPolicy {
  if (spec === undefined) return defaultRetryPolicy;
  const { retryOn, retriableStatusCodes } = conditions(spec.retryOn ?? "");
  const perTryTimeoutMs = parseDurationMs(spec.perTryTimeout);
  return {
    attempts: Math.max(spec.attempts ?? 0, 0),
    ...(perTryTimeoutMs ? { perTryTimeoutMs } : {}),
    retryOn,
    retriableStatusCodes,
    backoffMs: parseDurationMs(spec.backoff) || defaultRetryPolicy.backoffMs,
    retryRemoteLocalities: spec.retryRemoteLocalities ?? false,
    ignorePreviousHosts: spec.retryIgnorePreviousHosts ?? true,
  };
}

/** The comma-separated list: names stay, numbers become statuses and imply `retriable-status-codes`. */
function conditions(text: string): Pick<RetryPolicy, "retryOn" | "retriableStatusCodes"> {
  const tokens = text
    .split(",")
    .map((token) => token.trim())
    .filter((token) => token !== "");
  if (tokens.length === 0) return { retryOn: defaultRetryOn, retriableStatusCodes: [] };
  const names = tokens.filter((token) => !/^\d+$/.test(token));
  const codes = tokens.filter((token) => /^\d+$/.test(token)).map(Number);
  if (codes.length > 0) names.push("retriable-status-codes");
  return { retryOn: [...new Set(names)], retriableStatusCodes: [...new Set(codes)].sort((a, b) => a - b) };
}
