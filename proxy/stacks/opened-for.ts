/**
 * For whom a connection is opened, where its cluster's policy makes that differ from request to request: then requests share
 * connections only with those for whom the same is true.
 */
import { parseIp } from "../address/cidr.ts";
import type { Cluster, ClusterPolicy } from "../config/view.ts";
import type { HeadEdits } from "../http/edits.ts";
import { CONNECT } from "../http/request-head.ts";
import type { Downstream } from "../http/streams.ts";
import type { Destination } from "../net/original-destination.ts";
import { type ProxyProtocol, proxyHeader } from "../net/proxy-protocol.ts";

export interface OpenedFor {
  /** Tells it from others. */
  readonly key: string;
  /** What the PROXY protocol says of the client, before anything else. */
  readonly header: Uint8Array | undefined;
  /** By which name a server of a wildcard host is asked for. */
  readonly serverName: string | undefined;
}

/** What is asked of a request. */
export interface Asking {
  readonly method: string;
  readonly authority: string;
  readonly edits: Pick<HeadEdits, "host"> | undefined;
  readonly destination: Destination;
  readonly exchange: { readonly downstream: Pick<Downstream, "peerAddress" | "peerPort"> };
}

/** Undefined where any connection of the cluster's will do, as nearly always. */
export function openedFor(request: Asking, cluster: Cluster): OpenedFor | undefined {
  const { proxyProtocol } = cluster.policy;
  const named = asksByRequest(cluster);
  if (proxyProtocol === undefined && !named) return undefined;
  const serverName = named ? nameOf(request) : undefined;
  if (proxyProtocol === undefined) return { key: serverName ?? "", header: undefined, serverName };
  const opened = openedForClient(request.exchange.downstream, request.destination, proxyProtocol);
  return { key: `${opened.key} ${serverName ?? ""}`, header: opened.header, serverName };
}

/** Of one client's connection, which called that destination. */
export function openedForClient(
  { peerAddress, peerPort }: Pick<Downstream, "peerAddress" | "peerPort">,
  destination: Destination,
  version: ProxyProtocol,
): OpenedFor {
  const header = proxyHeader(version, { address: peerAddress, port: peerPort }, destination);
  const key = `${peerAddress} ${peerPort} ${destination.address} ${destination.port}`;
  return { key, header, serverName: undefined };
}

/** Whether TLS is originated to a wildcard host that nobody has given a name: it is the request's, as with Envoy's `auto_sni`. */
export function asksByRequest({ host, policy }: Cluster): boolean {
  return host.charCodeAt(0) === STAR && policy.tls.sni === undefined && originates(policy);
}

/** Whether its connections are by TLS to a server of its own, with no proxy of the mesh at the other end. */
export function originates({ tls }: ClusterPolicy): boolean {
  return tls.mode === "SIMPLE" || tls.mode === "MUTUAL";
}

/** The name that the request goes out with; undefined for an address, which is no name for a server (RFC 6066 section 3). */
function nameOf({ method, edits, authority }: Asking): string | undefined {
  // A CONNECT names whom its server is to reach.
  if (method === CONNECT) return undefined;
  const name = (edits?.host ?? authority).toLowerCase().replace(/:\d*$/, "").replace(/\.$/, "");
  return name.length <= MAX_NAME && DNS_NAME.test(name) && parseIp(name) === undefined ? name : undefined;
}

const STAR = 0x2a;
const MAX_NAME = 253;
const DNS_NAME = /^[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*$/;
