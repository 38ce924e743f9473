/** Failures that a route puts in on purpose (VirtualService `fault`). */
import { drawAbort, drawDelay, type Faults } from "../../fault/fault.ts";
import type { Layer, OutboundRequest, Verdict } from "./request.ts";

/** Envoy's words. */
const MESSAGE = "fault filter abort";

/**
 * Before everything that a route does to a request: what a fault hits has used no connection and no retry, and the time that
 * it waits here is none of the route's timeout.
 */
export const injectFault: Layer = (request) => {
  const faults = faultsOf(request);
  if (faults === undefined) return "next";
  const delayMs = drawDelay(faults, Math.random);
  if (delayMs === 0) return abort(request, faults);
  request.delayed = true;
  return request.pause(delayMs, () => {
    if (abort(request, faults) === "next") request.proceed(injectFault);
  });
};

function faultsOf({ result }: OutboundRequest): Faults | undefined {
  return result?.kind === "forward" || result?.kind === "noCluster" ? result.route.faults : undefined;
}

function abort(request: OutboundRequest, faults: Faults): Verdict {
  const drawn = drawAbort(faults, Math.random);
  if (drawn === undefined) return "next";
  request.exchange.flags = "FI";
  const { exchange } = request;
  if (drawn.grpcStatus !== undefined && exchange.grpc) exchange.replyGrpc(drawn.grpcStatus, MESSAGE);
  else exchange.reply(drawn.status, MESSAGE);
  return "done";
}
