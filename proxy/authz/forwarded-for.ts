import { parseIp } from "../address/cidr.ts";

/**
 * The original client's address as Istio's sidecars see it: what the last proxy in front wrote at the end of X-Forwarded-For, since
 * entries before it are what clients claim; the peer's own without a readable one. Whoever calls without such a proxy can claim
 * any address: who calls is for mutual TLS to tell.
 */
export function remoteAddress(forwardedFor: string | undefined, peer: string): string {
  if (forwardedFor === undefined) return peer;
  const last = forwardedFor.slice(forwardedFor.lastIndexOf(",") + 1).trim();
  return parseIp(last) === undefined ? peer : last;
}
