/** What a route does to a request besides choosing where it goes: timeout, rewrite, header operations. */
import type { ForwardResult, Route } from "../config/view.ts";
import type { HeadEdits } from "../http1/head-writer.ts";
import { expandValue, type HeaderPlan, type HeaderStep } from "../route/headers.ts";
import type { OutboundRequest } from "./outbound-http.ts";

/** Arms the route's timeout and prepares what it changes in the heads. */
export function applyRoute(request: OutboundRequest, { route, headers }: ForwardResult): void {
  const { exchange } = request;
  if (route.timeoutMs !== undefined && route.timeoutMs > 0) exchange.limit(route.timeoutMs);
  if (route.rewritePath !== undefined || route.authority !== undefined || headers.request.length > 0) {
    request.edits = requestEdits(request, route, headers);
  }
  if (headers.response.length > 0) exchange.responseEdits = editsOf(headers.response, known(request));
}

function requestEdits(request: OutboundRequest, route: Route, headers: HeaderPlan): HeadEdits {
  const path = route.rewritePath?.(request);
  // Host is no header to add beside the other: naming it replaces the authority.
  const named = headers.request.findLast((step) => step.name === "host" && step.op !== "remove");
  const host =
    named === undefined || named.op === "remove"
      ? route.authority
      : oneLine(expandValue(named.value, known(request)));
  return {
    path: path === undefined ? undefined : oneLine(path),
    host,
    ...editsOf(headers.request, known(request)),
  };
}

function known(request: OutboundRequest): (variable: string) => string | undefined {
  return (variable) => variables[variable]?.(request);
}

const variables: Readonly<Record<string, (request: OutboundRequest) => string>> = {
  PROTOCOL: () => "HTTP/1.1",
  DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT: ({ exchange }) => exchange.server.socket.peerAddress,
  UPSTREAM_CLUSTER: ({ cluster }) => cluster?.name ?? "-",
};

/** Steps as one edit of a head: what is overwritten or removed goes, what is set or added comes at the end. */
export function editsOf(
  steps: readonly HeaderStep[],
  lookup: (variable: string) => string | undefined,
): Pick<HeadEdits, "remove" | "add"> {
  const remove = new Set<string>();
  const lines: { readonly name: string; readonly value: string }[] = [];
  for (const step of steps) {
    if (step.name === "host") continue;
    if (step.op !== "add") {
      remove.add(step.name);
      for (let at = lines.length - 1; at >= 0; at--) if (lines[at]?.name === step.name) lines.splice(at, 1);
    }
    if (step.op !== "remove")
      lines.push({ name: step.name, value: oneLine(expandValue(step.value, lookup)) });
  }
  const add = lines.map(({ name, value }) => `${name}: ${value}\r\n`).join("");
  return { remove: remove.size > 0 ? remove : undefined, add: add === "" ? undefined : add };
}

/** A value that came through a variable or a pattern must not begin a line of its own. */
export function oneLine(value: string): string {
  return value.replace(/[\r\n\0]/g, " ");
}
