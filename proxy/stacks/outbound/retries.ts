/** Whether an outbound request is tried again after a try that failed, and when: asks the route's plan, then the budget. */
import { GRPC_STATUS, PEER } from "../../http/field-kinds.ts";
import type { ResponseHead } from "../../http/response-head.ts";
import { saysNothing, type UpstreamFailure } from "../../http/streams.ts";
import { type Answer, coversAnswer, coversFailure, type Failure } from "../../retry/covers.ts";
import { backoffMs, MAX_PUSHBACK_MS, pushbackMs } from "../../retry/delay.ts";
import type { RetryPlan } from "../../retry/plan.ts";
import { countOverflow } from "../breakers.ts";
import type { OutboundRequest } from "./request.ts";

export function planOf({ result }: OutboundRequest): RetryPlan | undefined {
  return result?.kind === "forward" ? result.route.retries : undefined;
}

/** Begins the time that one try may take. One that is no shorter than the request's own would only get in its way. */
export function limitTry(request: OutboundRequest): void {
  const { result } = request;
  if (result?.kind !== "forward") return;
  const perTryTimeoutMs = result.route.retries?.perTryTimeoutMs ?? 0;
  if (perTryTimeoutMs === 0 || perTryTimeoutMs >= (result.route.timeoutMs || Number.POSITIVE_INFINITY))
    return;
  request.tries.limit(perTryTimeoutMs);
}

/**
 * Whether a request that its endpoint has not looked at goes out once more on another connection, whatever the route says. What
 * an endpoint refuses goes by the route's plan, where there is one.
 */
export function reconnects(request: OutboundRequest, failure: UpstreamFailure): boolean {
  const { exchange, tries } = request;
  const again =
    failure.kind === "unseen" ||
    (failure.kind === "refused"
      ? planOf(request) === undefined
      : saysNothing(failure) && exchange.head.idempotent);
  return again && exchange.replayable && tries.reconnects < 2;
}

/** Prepares the next try after one without a response; false: there is none. */
export function retryFailure(request: OutboundRequest, failure: Failure): boolean {
  const { tries, cluster, endpoint } = request;
  const plan = planOf(request);
  if (endpoint !== undefined) tries.tried.push(endpoint);
  if (plan === undefined || !coversFailure(plan, failure)) return false;
  // Where nothing was sent and others are there to be asked, there is nobody to spare by waiting.
  const others = (cluster?.endpoints.length ?? 0) > tries.tried.length;
  const atOnce = failure === "connect-failure" && plan.ignorePreviousHosts && others;
  return begin(request, plan, failure, atOnce ? 0 : undefined);
}

/** Prepares the next try in place of a response that the route does not want; false: the client gets it. */
export function retryAnswer(request: OutboundRequest, head: ResponseHead): boolean {
  const plan = planOf(request);
  if (plan === undefined) return false;
  // The endpoint's own proxy says that its application never saw the request, as if we could not have connected.
  const ours = head.status === 503 || request.exchange.grpc;
  if (ours && request.endpoint?.mtls === true && head.has(PEER)) {
    return retryFailure(request, "connect-failure");
  }
  if (head.status < 400 && !head.has(GRPC_STATUS) && !plan.looksAtSuccess) return false;
  if (!coversAnswer(plan, answerOf(request, head))) return false;
  const asked = pushbackMs(
    { retryAfter: head.header("retry-after"), grpcPushback: head.header("grpc-retry-pushback-ms") },
    request.context.unixNow(),
  );
  if (asked !== undefined && asked > MAX_PUSHBACK_MS) return false;
  if (request.endpoint !== undefined) request.tries.tried.push(request.endpoint);
  return begin(request, plan, "response", asked);
}

function answerOf(request: OutboundRequest, head: ResponseHead): Answer {
  return {
    status: head.status,
    grpcStatus: head.known(GRPC_STATUS),
    header: (name) => head.header(name),
    retriableHeaders: () => request.header("x-envoy-retriable-header-names"),
  };
}

/** Takes a place in the budget, and waits as long as was asked for, else as the back-off says. */
function begin(
  request: OutboundRequest,
  plan: RetryPlan,
  reason: Failure | "response",
  asked: number | undefined,
): boolean {
  const { tries, exchange, context } = request;
  if (!exchange.replayable) return false;
  const now = context.now();
  const verdict = tries.claim(plan, request.breaker, now);
  if (verdict === "overflow") countOverflow(context.telemetry, "outbound", "retries");
  if (verdict !== "granted") return false;
  const delay = asked ?? backoffMs(plan.backoffMs, tries.retries, Math.random);
  // The request's time would be up before its turn: what there is, is the better answer.
  if (exchange.deadline > 0 && now + delay >= exchange.deadline) return false;
  context.telemetry.retries.of("outbound", reason).value++;
  tries.delay(delay);
  return true;
}
