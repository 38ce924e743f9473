/** What a route does to a request besides choosing where it goes: timeout, rewrite, header operations. */
import type { ForwardResult, Route } from "../../config/view.ts";
import type { HeadEdits } from "../../http/edits.ts";
import { grpcTimeoutMs } from "../../http/grpc.ts";
import type { ResponseHead } from "../../http/response-head.ts";
import { oneLine } from "../../route/format.ts";
import { authorityOf, editsOf, type HeaderPlan } from "../../route/headers.ts";
import type { OutboundRequest } from "./request.ts";
import { variablesOf } from "./variables.ts";

/** Arms the route's timeout and prepares what it changes in the request's head. */
export function applyRoute(request: OutboundRequest, { route, headers }: ForwardResult): void {
  const { exchange } = request;
  const routeMs = route.timeoutMs ?? 0;
  const ms = exchange.grpc ? grpcTimeoutMs(request.header("grpc-timeout"), routeMs) : routeMs;
  if (ms > 0) exchange.limit(ms);
  if (route.rewritePath !== undefined || route.authority !== undefined || headers.request.length > 0) {
    request.edits = requestEdits(request, route, headers);
  }
}

function requestEdits(request: OutboundRequest, route: Route, headers: HeaderPlan): HeadEdits {
  const path = route.rewritePath?.(request);
  const lookup = variablesOf(request);
  const { remove, add } = headers.fixedRequest ?? editsOf(headers.request, lookup);
  return {
    path: path === undefined ? undefined : oneLine(path),
    host: authorityOf(headers.request, lookup) ?? route.authority,
    remove,
    add,
  };
}

/** Prepares what the route, the policy for other origins and stickiness change in the response's head. */
export function applyToResponse(request: OutboundRequest, head: ResponseHead): void {
  const { result, sharing, cookie } = request;
  const headers = result?.kind === "forward" ? result.headers : undefined;
  const extra = sharing.length + cookie.length;
  if (headers === undefined || headers.response.length + extra === 0) return;
  const fixed = extra === 0 ? headers.fixedResponse : undefined;
  request.exchange.responseEdits =
    fixed ?? editsOf([...headers.response, ...sharing, ...cookie], variablesOf(request, head));
}

/** Header lines that the route gives answers of its own. */
export function ownLines(request: OutboundRequest, route: Route): string {
  const { fixedResponse, response } = route.headers;
  return (fixedResponse ?? editsOf(response, variablesOf(request))).add ?? "";
}
