/** Failures that a route puts in on purpose (VirtualService `fault`). */
import { type Abort, drawAbort, drawDelay, type Faults } from "../fault/fault.ts";
import type { Layer, OutboundRequest, Verdict } from "./outbound-http.ts";

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
  const { status, body, headers } = answer(request, drawn);
  request.exchange.reply(status, body, headers);
  return "done";
}

/** A gRPC client takes a failure as trailers alone: a head of status 200 with grpc-status and no body. */
function answer(request: OutboundRequest, { status, grpcStatus }: Abort) {
  const isGrpc = request.header("content-type")?.startsWith("application/grpc") === true;
  if (grpcStatus === undefined || !isGrpc) return { status, body: MESSAGE, headers: "" };
  const headers = `content-type: application/grpc\r\ngrpc-status: ${grpcStatus}\r\ngrpc-message: ${MESSAGE}\r\n`;
  return { status: 200, body: "", headers };
}

/** The flags of a request that was delayed, in Envoy's order. */
export function withDelay(flags: string): string {
  if (flags === "-") return "DI";
  return BEFORE_DI.has(flags) ? `${flags},DI` : `DI,${flags}`;
}

const BEFORE_DI = new Set(["UH", "UF", "UT", "UC", "UO", "NR"]);
