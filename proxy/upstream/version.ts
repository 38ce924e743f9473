/** Which version of HTTP a request goes on with. Pure. */
import type { ConnectionPool, Protocol } from "../config/view.ts";
import { CONNECT, type RequestHead } from "../http/request-head.ts";
import type { Version } from "../http/streams.ts";

/**
 * As Istio: what the port declares, unless the policy upgrades it or wants the client's own; the client's version where nobody
 * says anything.
 */
export function upstreamVersion(
  client: Version,
  protocol: Protocol,
  policy: ConnectionPool | undefined,
): Version {
  if (policy?.useClientProtocol === true) return client;
  if (protocol === "http2" || protocol === "grpc" || policy?.h2UpgradePolicy === "UPGRADE") return 2;
  return protocol === "http" ? 1 : client;
}

/** A request that asks to leave HTTP behind can do so on a connection of HTTP/1 alone. */
export function needsHttp1(head: RequestHead): boolean {
  return head.method === CONNECT || (head.upgrade && head.webSocket);
}
