/** Stickiness: what of a request chooses its endpoint under a consistent hash, and the cookie that it gets to be known by. */
import type { HashPolicy } from "../../config/view.ts";
import type { OutboundRequest } from "./request.ts";

/** Finds the request's hash, once for all its tries; makes up a cookie where the policy gives one and the request has none. */
export function hashRequest(request: OutboundRequest, policy: HashPolicy): void {
  if (request.hash !== undefined) return;
  request.hash = policy.ofRequest(request, request.exchange.downstream.peerAddress);
  if (request.hash !== undefined || policy.cookie === undefined) return;
  const { hash, setCookie } = policy.cookie.make(Math.random);
  request.hash = hash;
  request.cookie = [{ op: "add", name: "set-cookie", value: setCookie }];
}
