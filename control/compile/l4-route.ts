/** A VirtualService's `tcp` and `tls` routes. */
import type { L4Match, TcpRoute, TlsRoute } from "../../crds/service-config.ts";
import { destinations, type RouteContext } from "./destinations.ts";
import { appliesToMesh } from "./http-match.ts";
import type { L4MatchSpec, TcpRouteSpec, TlsRouteSpec } from "./istio.ts";
import { isEmpty } from "./labels.ts";
import { isImpossiblePort } from "./ports.ts";

/** TCP routes in order, up to the first that takes every connection. */
export function tcpRoutes(specs: readonly TcpRouteSpec[] | undefined, context: RouteContext): TcpRoute[] {
  const routes: TcpRoute[] = [];
  for (const spec of specs ?? []) {
    const conditions = spec.match ?? [];
    const matches = conditions.filter(canMatch).map(l4Match);
    if (matches.length === 0 && conditions.length > 0) continue;
    const all = matches.length === 0 || matches.some(isUnconditional);
    routes.push({ matches: all ? [] : matches, destinations: destinations(spec.route, context) });
    if (all) break;
  }
  return routes;
}

/** TLS routes in order: each has server names, so that none takes everything. */
export function tlsRoutes(specs: readonly TlsRouteSpec[] | undefined, context: RouteContext): TlsRoute[] {
  return (specs ?? []).flatMap((spec) => {
    const matches = (spec.match ?? []).filter(canMatch).map((match) => ({
      ...l4Match(match),
      sniHosts: (match.sniHosts ?? []).map((host) => host.toLowerCase()),
    }));
    return matches.length === 0 ? [] : [{ matches, destinations: destinations(spec.route, context) }];
  });
}

function canMatch({ gateways, port }: L4MatchSpec): boolean {
  return appliesToMesh(gateways) && !isImpossiblePort(port);
}

function l4Match(spec: L4MatchSpec): L4Match {
  return {
    destinationSubnets: spec.destinationSubnets ?? [],
    ...(spec.port ? { port: spec.port } : {}),
    ...(!isEmpty(spec.sourceLabels) && spec.sourceLabels && { sourceLabels: spec.sourceLabels }),
    ...(spec.sourceNamespace ? { sourceNamespace: spec.sourceNamespace } : {}),
  };
}

function isUnconditional(match: L4Match): boolean {
  const { destinationSubnets, ...others } = match;
  return destinationSubnets.length + Object.keys(others).length === 0;
}
