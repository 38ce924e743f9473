/** Copies of requests for other services (VirtualService `mirror` and `mirrors`). */
import type { Cluster, EndpointHandle } from "../../config/view.ts";
import { DROP_CLIENT_CERT } from "../../http/edits.ts";
import { Mirror, MirrorBudget } from "../../mirror/mirror.ts";
import { shadowAuthority } from "../../mirror/shadow.ts";
import { needsHttp1 } from "../../upstream/version.ts";
import { breakerOf } from "../breakers.ts";
import { type EndpointPool, poolOf } from "../endpoint-pools.ts";
import { openedFor } from "../opened-for.ts";
import { versionTo } from "./layers.ts";
import type { Layer, OutboundRequest } from "./request.ts";

/**
 * After what the route does to the request, which a copy has as well, and once whatever is tried again; a copy sets out when
 * the request itself does.
 */
export function copyRequest(): Layer {
  const budget = new MirrorBudget();
  return (request) => {
    const { result, exchange } = request;
    if (result?.kind !== "forward" || result.mirrors.length === 0) return "next";
    // A copy of a request for a WebSocket or a tunnel would answer to nobody.
    if (needsHttp1(exchange.head)) return "next";
    const drawn = result.mirrors.filter(({ percent }) => Math.random() * 100 < percent);
    if (drawn.length > 0) exchange.copies = drawn.map(({ cluster }) => mirrorTo(request, cluster, budget));
    return "next";
  };
}

function mirrorTo(request: OutboundRequest, cluster: Cluster, budget: MirrorBudget): Mirror {
  const { context, edits, exchange, result } = request;
  const { head } = exchange;
  const beganAt = context.now();
  const breaker = breakerOf(cluster);
  let entered = false;
  let endpoint: EndpointHandle | undefined;
  let pool: EndpointPool | undefined;
  return new Mirror({
    wheel: context.wheel,
    budget,
    head,
    edits: { ...edits, host: shadowAuthority(edits?.host ?? head.authority) },
    drop: DROP_CLIENT_CERT,
    timeoutMs: (result?.kind === "forward" ? result.route.timeoutMs : undefined) ?? 0,
    acquire(mirror) {
      entered = breaker.beginRequest();
      if (!entered) {
        mirror.refused();
        return undefined;
      }
      const hash = cluster.hashPolicy?.ofRequest(request, exchange.peerAddress);
      endpoint = cluster.pick(context.now(), undefined, hash);
      if (endpoint === undefined) {
        mirror.unavailable();
        return undefined;
      }
      endpoint.begin();
      pool = poolOf(context, cluster, endpoint, openedFor(request, cluster));
      return pool.acquire(mirror, versionTo(request, cluster));
    },
    forget(mirror) {
      pool?.forget(mirror);
    },
    additions: (upstream) => request.hopLines(endpoint, upstream),
    ended(outcome, learned) {
      context.telemetry.mirrors.of(outcome).value++;
      const now = context.now();
      if (entered) breaker.endRequest(now);
      endpoint?.end(learned, learned > 0 ? now - beganAt : 0, now);
    },
  });
}
