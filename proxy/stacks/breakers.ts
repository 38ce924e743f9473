/** The breaker of each cluster, kept where it outlives every change of configuration, and what a request meets at it. */
import { Breaker, type InFlight, type Limit } from "../breaker/breaker.ts";
import type { Cluster } from "../config/view.ts";
import type { Telemetry } from "../telemetry/telemetry.ts";

/** The limits of the cluster's policy, with what is under way by those before. */
export function breakerOf(cluster: Cluster): Breaker {
  const { counters, policy } = cluster;
  const { slot } = counters;
  if (slot instanceof Breaker) {
    slot.apply(policy.connectionPool);
    return slot;
  }
  const breaker = new Breaker(counters, policy.connectionPool);
  counters.slot = breaker;
  return breaker;
}

/** Without limits but the default budget: for destinations that no policy is for. */
export function unlimited(): Breaker {
  const counts: InFlight = { requests: 0, pending: 0, connections: 0, retries: 0 };
  return new Breaker(counts, undefined);
}

/** Envoy's header of a response of its own that says: too much at once. */
export const OVERLOADED = "x-envoy-overloaded: true\r\n";

const FIELDS: Readonly<Record<Exclude<Limit, "retries">, string>> = {
  connections: "tcp.maxConnections",
  pending: "http.http1MaxPendingRequests",
  requests: "http.http2MaxRequests",
};

export function countOverflow(telemetry: Telemetry, side: "outbound" | "inbound", limit: Limit): void {
  telemetry.overflows.of(side, limit).value++;
}

/** What the client is told. */
export function overflowText(limit: keyof typeof FIELDS, destination: string): string {
  return `overflow: ${destination} has reached ${FIELDS[limit]} of its connectionPool`;
}
