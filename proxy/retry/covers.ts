/** Which endings of a try its route retries: Envoy's rules for the conditions of `retryOn`. Pure. */
import {
  CONNECT_FAILURE,
  ENVOY_RATELIMITED,
  GATEWAY_ERROR,
  GRPC_CANCELLED,
  GRPC_DEADLINE_EXCEEDED,
  GRPC_INTERNAL,
  GRPC_RESOURCE_EXHAUSTED,
  GRPC_UNAVAILABLE,
  REFUSED_STREAM,
  RESET,
  RESET_BEFORE_REQUEST,
  RETRIABLE_4XX,
  RETRIABLE_HEADERS,
  RETRIABLE_STATUS_CODES,
  type RetryPlan,
  SERVER_ERROR,
} from "./plan.ts";

/** How a try ended without a response. */
export type Failure =
  /** Nothing was sent: no connection, or the endpoint's proxy says that its application never saw the request. */
  | "connect-failure"
  /** The endpoint says that it has not looked at the request. */
  | "refused-stream"
  | "reset"
  /** `perTryTimeout`. */
  | "timeout";

const FAILURES: Readonly<Record<Failure, number>> = {
  "connect-failure": CONNECT_FAILURE | RESET_BEFORE_REQUEST | RESET | SERVER_ERROR | GATEWAY_ERROR,
  "refused-stream": REFUSED_STREAM | RESET | SERVER_ERROR | GATEWAY_ERROR,
  reset: RESET | SERVER_ERROR | GATEWAY_ERROR,
  timeout: RESET | SERVER_ERROR | GATEWAY_ERROR,
};

export function coversFailure(plan: RetryPlan, failure: Failure): boolean {
  return (plan.on & FAILURES[failure]) !== 0;
}

/** A response's head, and what of the request bears on it. */
export interface Answer {
  readonly status: number;
  /** Only where the head has one: a response without a body. */
  readonly grpcStatus: string | undefined;
  /** By lower-case name. */
  header(name: string): string | undefined;
  /** The request's `x-envoy-retriable-header-names`. */
  retriableHeaders(): string | undefined;
}

export function coversAnswer(plan: RetryPlan, answer: Answer): boolean {
  const { on } = plan;
  const rateLimited = () => answer.header("x-envoy-ratelimited") !== undefined;
  if ((coveredBy(plan, answer) & on) !== 0) {
    // More of what is limited already: only for those who ask for just that.
    return (on & ENVOY_RATELIMITED) !== 0 || !rateLimited();
  }
  if ((on & ENVOY_RATELIMITED) !== 0 && rateLimited()) return true;
  return (on & RETRIABLE_HEADERS) !== 0 && hasAny(answer);
}

function coveredBy({ statuses }: RetryPlan, { status, grpcStatus }: Answer): number {
  let conditions = grpcStatus === undefined ? 0 : (GRPC.get(grpcStatus) ?? 0);
  if (status >= 500) conditions |= SERVER_ERROR;
  if (status >= 502 && status <= 504) conditions |= GATEWAY_ERROR;
  if (status === 409) conditions |= RETRIABLE_4XX;
  if (statuses.has(status)) conditions |= RETRIABLE_STATUS_CODES;
  return conditions;
}

const GRPC: ReadonlyMap<string, number> = new Map([
  ["1", GRPC_CANCELLED],
  ["4", GRPC_DEADLINE_EXCEEDED],
  ["8", GRPC_RESOURCE_EXHAUSTED],
  ["13", GRPC_INTERNAL],
  ["14", GRPC_UNAVAILABLE],
]);

function hasAny(answer: Answer): boolean {
  const names = answer.retriableHeaders()?.toLowerCase().split(",") ?? [];
  return names.some((name) => name.trim() !== "" && answer.header(name.trim()) !== undefined);
}
