/** A route's retries in the form that deciding on them takes: Istio's `retryOn` names as bits. Pure. */
import type { RetryPolicy } from "../../crds/service-config.ts";

export interface RetryPlan {
  /** Retries after the first try. */
  readonly attempts: number;
  /** 0: a try may take as long as the request. */
  readonly perTryTimeoutMs: number;
  /** Base of the back-off. */
  readonly backoffMs: number;
  readonly ignorePreviousHosts: boolean;
  readonly retryRemoteLocalities: boolean;
  /** Conditions, of the bits below. */
  readonly on: number;
  /** For `RETRIABLE_STATUS_CODES`. */
  readonly statuses: ReadonlySet<number>;
  /** A response below 400 may be one to retry, too. */
  readonly looksAtSuccess: boolean;
}

export const SERVER_ERROR = 1;
export const GATEWAY_ERROR = 1 << 1;
export const RESET = 1 << 2;
export const RESET_BEFORE_REQUEST = 1 << 3;
export const CONNECT_FAILURE = 1 << 4;
export const ENVOY_RATELIMITED = 1 << 5;
export const RETRIABLE_4XX = 1 << 6;
export const REFUSED_STREAM = 1 << 7;
export const RETRIABLE_STATUS_CODES = 1 << 8;
export const RETRIABLE_HEADERS = 1 << 9;
export const GRPC_CANCELLED = 1 << 10;
export const GRPC_DEADLINE_EXCEEDED = 1 << 11;
export const GRPC_RESOURCE_EXHAUSTED = 1 << 12;
export const GRPC_INTERNAL = 1 << 13;
export const GRPC_UNAVAILABLE = 1 << 14;

const CONDITIONS: ReadonlyMap<string, number> = new Map([
  ["5xx", SERVER_ERROR],
  ["gateway-error", GATEWAY_ERROR],
  ["reset", RESET],
  ["reset-before-request", RESET_BEFORE_REQUEST],
  ["connect-failure", CONNECT_FAILURE],
  ["envoy-ratelimited", ENVOY_RATELIMITED],
  ["retriable-4xx", RETRIABLE_4XX],
  ["refused-stream", REFUSED_STREAM],
  ["retriable-status-codes", RETRIABLE_STATUS_CODES],
  ["retriable-headers", RETRIABLE_HEADERS],
  ["cancelled", GRPC_CANCELLED],
  ["deadline-exceeded", GRPC_DEADLINE_EXCEEDED],
  ["resource-exhausted", GRPC_RESOURCE_EXHAUSTED],
  ["internal", GRPC_INTERNAL],
  ["unavailable", GRPC_UNAVAILABLE],
  // There is no HTTP/3 here to fail.
  ["http3-post-connect-failure", 0],
]);

/** Plain numbers among the conditions are statuses. A name that is unknown covers nothing. */
export function planRetries(policy: RetryPolicy): RetryPlan {
  const statuses = new Set(policy.retriableStatusCodes);
  let on = 0;
  for (const condition of policy.retryOn) {
    if (/^[1-5]\d\d$/.test(condition)) {
      statuses.add(Number(condition));
      on |= RETRIABLE_STATUS_CODES;
    } else on |= CONDITIONS.get(condition) ?? 0;
  }
  const { attempts, perTryTimeoutMs, backoffMs, ignorePreviousHosts, retryRemoteLocalities } = policy;
  return Object.freeze({
    attempts,
    perTryTimeoutMs: perTryTimeoutMs ?? 0,
    backoffMs,
    ignorePreviousHosts,
    retryRemoteLocalities,
    on,
    statuses,
    looksAtSuccess:
      (on & (ENVOY_RATELIMITED | RETRIABLE_HEADERS)) !== 0 || [...statuses].some((status) => status < 400),
  });
}
