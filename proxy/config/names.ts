/** How a client may write a service's host: the domains that Istio generates for it (`reviews`, `reviews.prod`, …). */

/** The namespace and service that a host may mean, most likely first; and the host itself for names of no service. */
export interface HostName {
  /** Lower case, without port and trailing dot. */
  readonly host: string;
  readonly candidates: readonly ServiceName[];
}

export interface ServiceName {
  readonly namespace: string;
  readonly name: string;
  /** `pod.name.namespace…`: only headless services have names for their pods. */
  readonly pod: boolean;
}

/**
 * Reads a Host, authority or SNI. A `:port` must be the one that was called: Istio's domains are `a` and `a:80` on port 80.
 * Undefined for what cannot be a host name.
 */
export function parseHost(
  text: string,
  port: number,
  namespace: string,
  clusterDomain: string,
): HostName | undefined {
  const host = hostOnly(text, port);
  if (host === undefined || host === "") return undefined;
  const domain = `.svc.${clusterDomain}`;
  const short = host.endsWith(domain)
    ? host.slice(0, -domain.length)
    : host.endsWith(".svc")
      ? host.slice(0, -".svc".length)
      : undefined;
  const labels = (short ?? host).split(".");
  const [first = "", second, third] = labels;
  const candidates: ServiceName[] = [];
  if (labels.length === 1 && short === undefined) candidates.push({ namespace, name: first, pod: false });
  if (labels.length === 2 && second !== undefined)
    candidates.push({ namespace: second, name: first, pod: false });
  if (labels.length === 2 && second !== undefined && short === undefined)
    candidates.push({ namespace, name: second, pod: true });
  if (labels.length === 3 && second !== undefined && third !== undefined)
    candidates.push({ namespace: third, name: second, pod: true });
  return { host, candidates };
}

function hostOnly(text: string, port: number): string | undefined {
  if (text.length > 300 || text.startsWith("[")) return undefined;
  const colon = text.indexOf(":");
  if (colon >= 0 && text.slice(colon + 1) !== String(port)) return undefined;
  const host = (colon < 0 ? text : text.slice(0, colon)).toLowerCase();
  return host.endsWith(".") ? host.slice(0, -1) : host;
}

/** The address and port of an authority that is an IP literal (`10.0.0.1`, `10.0.0.1:80`, `[::1]:80`). */
export function parseAddress(text: string): string | undefined {
  const v6 = /^\[([0-9a-fA-F:.]+)\](?::\d+)?$/.exec(text);
  if (v6 !== null) return v6[1]?.toLowerCase();
  return /^(\d{1,3}(?:\.\d{1,3}){3})(?::\d+)?$/.exec(text)?.[1];
}
