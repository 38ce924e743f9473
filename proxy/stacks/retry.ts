/** When a request is sent again (Envoy's retry conditions, as Istio's `retryOn` names them). Pure. */
import type { EndpointHandle, RetryPolicy } from "../config/view.ts";

/** What one request has been through. */
export interface Attempt {
  retries: number;
  /** Times a connection that sat idle turned out to be dead. */
  reconnects: number;
  readonly tried: EndpointHandle[];
}

/** How the last try ended. */
export type Ending =
  | "connect-failure"
  | "reset"
  /** Reset, and no byte of a response had come. */
  | "reset-before-response"
  | { readonly status: number; readonly grpcStatus: string | undefined };

/** Istio's default, also where there is no VirtualService at all. */
export const DEFAULT_RETRIES: RetryPolicy = {
  attempts: 2,
  retryOn: ["connect-failure", "refused-stream", "unavailable", "cancelled", "retriable-status-codes"],
  retriableStatusCodes: [],
  backoffMs: 25,
  retryRemoteLocalities: false,
  ignorePreviousHosts: true,
};

/** Status codes of gRPC by their retry condition. */
const GRPC: Readonly<Record<string, string>> = {
  cancelled: "1",
  "deadline-exceeded": "4",
  "resource-exhausted": "8",
  internal: "13",
  unavailable: "14",
};

/** Whether to try again; counts the retry when it says so. */
export function retryAfter(policy: RetryPolicy | undefined, attempt: Attempt, ending: Ending): boolean {
  if (policy === undefined || attempt.retries >= policy.attempts) return false;
  if (!policy.retryOn.some((condition) => covers(condition, policy, ending))) return false;
  attempt.retries++;
  return true;
}

function covers(condition: string, policy: RetryPolicy, ending: Ending): boolean {
  if (ending === "connect-failure") return CONNECT.has(condition);
  if (ending === "reset") return RESET.has(condition);
  if (ending === "reset-before-response") return RESET.has(condition) || condition === "reset-before-request";
  const { status, grpcStatus } = ending;
  switch (condition) {
    case "5xx":
      return status >= 500;
    case "gateway-error":
      return status >= 502 && status <= 504;
    case "retriable-4xx":
      return status === 409;
    case "retriable-status-codes":
      return policy.retriableStatusCodes.includes(status);
    default:
      return grpcStatus !== undefined && GRPC[condition] === grpcStatus;
  }
}

const CONNECT = new Set(["connect-failure", "5xx", "gateway-error"]);
const RESET = new Set(["reset", "5xx", "gateway-error"]);
