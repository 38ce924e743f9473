/** Where a route leads: hosts resolved to services, ports filled in, weights that count. */
import type { WeightedDestination } from "../../crds/service-config.ts";
import { headerOperations } from "./header-operations.ts";
import { resolveHost } from "./hosts.ts";
import type { DestinationSpec, HttpDestinationSpec } from "./istio.ts";
import { validPort } from "./ports.ts";

/** What a translation needs to know beyond the VirtualService itself. */
export interface RouteContext {
  readonly clusterDomain: string;
  /** The namespace that short names in the rule belong to. */
  readonly namespace: string;
  /** The service of a full host name, if the mesh knows it. */
  readonly lookup: (host: string) => KnownService | undefined;
}

export interface KnownService {
  readonly key: string;
  /** Its TCP ports. */
  readonly ports: readonly number[];
}

type Target = Pick<WeightedDestination, "host" | "key" | "port" | "subset">;

/**
 * One destination. Without a port of its own, a service with a single port is called on that; one with several is
 * called on the port that the client addressed, which the proxy knows (absent here).
 */
export function target(spec: DestinationSpec, context: RouteContext): Target {
  const host = resolveHost(spec.host, context.namespace, context.clusterDomain);
  const service = context.lookup(host);
  const only = service?.ports.length === 1 ? service.ports[0] : undefined;
  const port = validPort(spec.port?.number) ?? only;
  return {
    host,
    key: service?.key ?? "",
    ...(port === undefined ? {} : { port }),
    subset: spec.subset ?? "",
  };
}

/** A single destination takes all, whatever its weight; among several, those without weight get nothing. */
export function destinations(
  specs: readonly HttpDestinationSpec[] | undefined,
  context: RouteContext,
): WeightedDestination[] {
  const all = specs ?? [];
  const only = all.length === 1;
  return all
    .filter((spec) => only || (spec.weight ?? 0) > 0)
    .map((spec) => {
      const headers = headerOperations(spec.headers);
      return {
        ...target(spec.destination, context),
        weight: only ? 100 : (spec.weight ?? 0),
        ...(headers === undefined ? {} : { headers }),
      };
    });
}
