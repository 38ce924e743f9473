/** Who waits for a connection of either version, and why there may be none. */
import type { Upstream } from "../http/streams.ts";
import type { DialError } from "../net/listen.ts";

/** Someone who wants a connection. */
export interface Waiter {
  /** The connection is the waiter's to `send` on. */
  acquired(upstream: Upstream): void;
  /** There is no connection for it, and nothing was sent. For `OVERFLOW` it is called from within `acquire`. */
  unavailable(error: DialError): void;
}

/** As many wait as may. */
export const OVERFLOW: DialError = {
  reason: "overflow",
  message:
    "too many requests wait for a connection: http1MaxPendingRequests of the destination's connectionPool",
};
/** Another endpoint may be asked at once. */
export const REMOVED: DialError = {
  reason: "removed",
  message: "the endpoint left the mesh before there was a connection to it",
};
