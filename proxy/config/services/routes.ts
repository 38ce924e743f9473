/** A service's routes with their destinations bound to clusters: every result that a request can get is made beforehand. */
import type { HttpRoute, L4Match, ServiceView, WeightedDestination } from "../../../crds/service-config.ts";
import { type Block, parseBlock, parseIp } from "../../address/cidr.ts";
import type { Random } from "../../balance/candidate.ts";
import { compileFault } from "../../fault/fault.ts";
import { planRetries, type RetryPlan } from "../../retry/plan.ts";
import { compileCors } from "../../route/cors.ts";
import { planHeaders } from "../../route/headers.ts";
import { type Client, isFor } from "../../route/match.ts";
import { compileRewrite, redirectLocation } from "../../route/rewrite.ts";
import { type RuleFinder, ruleFinder } from "../../route/rule-index.ts";
import { compileRules, effectiveRetries, matchedPrefix, type Rule } from "../../route/table.ts";
import { choose, prepareWeights } from "../../route/weighted.ts";
import type { Cluster, Route, RouteRequest, RouteResult, TcpConnection } from "../view.ts";

/** Routes of one service as one client sees them, compiled but not yet bound. */
export interface CompiledRoutes {
  readonly view: ServiceView;
  readonly rules: readonly { readonly rule: Rule; readonly route: Route }[];
  readonly find: RuleFinder;
  readonly tcp: readonly L4Rule[];
  readonly tls: readonly L4Rule[];
}

interface L4Rule {
  readonly matches: (connection: TcpConnection) => boolean;
  readonly destinations: readonly WeightedDestination[];
}

/** Compiles a view's routes for a client. Throws PatternError for a pattern that is no RE2. */
export function compileRoutes(view: ServiceView, client: Client): CompiledRoutes {
  const rules = compileRules(view.http, client);
  return {
    view,
    rules: rules.map((rule) => ({ rule, route: compileRoute(rule) })),
    find: ruleFinder(rules),
    tcp: view.tcp.flatMap((route) => l4Rule(route, client)),
    tls: view.tls.flatMap((route) => l4Rule(route, client)),
  };
}

/** Where a route leads: `undefined` for a host or subset that is unknown. */
export type Resolve = (
  destination: Pick<WeightedDestination, "key" | "port" | "subset">,
) => Cluster | undefined;

export interface BoundRoutes {
  route(request: RouteRequest): RouteResult;
  tcp(connection: TcpConnection): Cluster | undefined;
}

const noRoute: RouteResult = Object.freeze({ kind: "noRoute" });

/** Binds routes for one service port. `own` is the service itself: where everything goes without routes. */
export function bindRoutes(
  routes: CompiledRoutes,
  own: WeightedDestination,
  resolve: Resolve,
  random: Random,
): BoundRoutes {
  const none = routes.view.http.length === 0;
  const compiled = none ? [defaultRule(own)] : routes.rules;
  const find: RuleFinder = none ? () => 0 : routes.find;
  const results = compiled.map(({ rule, route }) => bindRule(rule, route, resolve));
  const bindL4 = ({ matches, destinations }: L4Rule) => ({
    matches,
    clusters: weighClusters(destinations, resolve),
  });
  const tcp = routes.tcp.map(bindL4);
  const tls = routes.tls.map(bindL4);
  const fallback = resolve(own);
  return {
    route(request) {
      const weighted = results[find(request)];
      if (weighted === undefined) return noRoute;
      return weighted.items.length === 1 ? choose(weighted, 0) : choose(weighted, random());
    },
    tcp(connection) {
      const rule =
        (connection.sni === undefined ? undefined : tls.find(({ matches }) => matches(connection))) ??
        tcp.find(({ matches }) => matches(connection));
      if (rule === undefined) return fallback;
      return rule.clusters === undefined ? undefined : choose(rule.clusters, random());
    },
  };
}

function defaultRule(own: WeightedDestination): { rule: Rule; route: Route } {
  const route: HttpRoute = {
    name: "default",
    matches: [],
    action: { kind: "forward", destinations: [own] },
    mirrors: [],
  };
  const rule: Rule = { route, matches: [] };
  return { rule, route: compileRoute(rule) };
}

function compileRoute(rule: Rule): Route {
  const { route } = rule;
  const rewrite = compileRewrite(route.rewrite);
  return Object.freeze({
    name: route.name ?? "",
    statPrefix: route.statPrefix,
    timeoutMs: route.timeoutMs,
    retries: planOf(route),
    faults: compileFault(route.fault),
    cors: compileCors(route.cors),
    headers: planHeaders(undefined, route.headers),
    authority: route.rewrite?.authority,
    rewritePath:
      rewrite && ((request: RouteRequest) => rewrite.rewrite(request.path, matchedPrefix(rule, request))),
  });
}

function planOf(route: HttpRoute): RetryPlan | undefined {
  const policy = effectiveRetries(route);
  return policy && planRetries(policy);
}

function bindRule(rule: Rule, route: Route, resolve: Resolve) {
  const { action, mirrors, headers } = rule.route;
  switch (action.kind) {
    case "redirect":
      return always({
        kind: "redirect",
        route,
        status: action.code,
        location: (request: RouteRequest) => redirectLocation(action, request, matchedPrefix(rule, request)),
      });
    case "directResponse": {
      const body = Buffer.from(
        action.bodyBase64 ?? action.body ?? "",
        action.bodyBase64 === undefined ? "utf8" : "base64",
      );
      return always({ kind: "directResponse", route, status: action.status, body });
    }
    case "forward": {
      const copies = mirrors.flatMap((mirror) => {
        const cluster = resolve(mirror);
        return cluster === undefined ? [] : [{ cluster, percent: mirror.percent }];
      });
      const results = action.destinations.map((destination) => {
        const cluster = resolve(destination);
        const item: RouteResult =
          cluster === undefined
            ? { kind: "noCluster", route, destination }
            : {
                kind: "forward",
                route,
                cluster,
                destination,
                headers: planHeaders(destination.headers, headers),
                mirrors: copies,
              };
        return { item: Object.freeze(item), weight: destination.weight };
      });
      return prepareWeights(results) ?? always(noRoute);
    }
  }
}

function always(result: RouteResult) {
  return { items: [Object.freeze(result)], sums: [1] };
}

function weighClusters(destinations: readonly WeightedDestination[], resolve: Resolve) {
  return prepareWeights(destinations.map((each) => ({ item: resolve(each), weight: each.weight })));
}

/** A rule for connections; none when every match is for other clients. */
function l4Rule(
  route: { readonly matches: readonly L4Match[]; readonly destinations: readonly WeightedDestination[] },
  client: Client,
): L4Rule[] {
  const matches = route.matches.filter((match) => isFor(match, client)).map(l4Match);
  if (route.matches.length > 0 && matches.length === 0) return [];
  const { destinations } = route;
  return [
    {
      destinations,
      matches: (connection) => matches.length === 0 || matches.some((match) => match(connection)),
    },
  ];
}

function l4Match(match: L4Match): (connection: TcpConnection) => boolean {
  const blocks: Block[] = match.destinationSubnets.flatMap((subnet) => parseBlock(subnet) ?? []);
  const hosts = match.sniHosts?.map((host) => host.toLowerCase());
  return ({ address, port, sni }) => {
    if (match.port !== undefined && match.port !== port) return false;
    if (hosts !== undefined && !hosts.some((host) => matchesHost(host, sni?.toLowerCase()))) return false;
    if (match.destinationSubnets.length === 0) return true;
    const bytes = parseIp(address);
    return bytes !== undefined && blocks.some((block) => block(bytes));
  };
}

function matchesHost(pattern: string, host: string | undefined): boolean {
  if (host === undefined) return false;
  return pattern === "*" || (pattern.startsWith("*.") ? host.endsWith(pattern.slice(1)) : host === pattern);
}
