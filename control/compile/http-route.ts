/** A VirtualService's HTTP routes as a sidecar honours them, with the defaults written out. */
import type {
  CorsPolicy,
  Fault,
  HttpRoute,
  Mirror,
  RetryPolicy,
  Rewrite,
  RouteAction,
} from "../../crds/service-config.ts";
import { destinations, type RouteContext, target } from "./destinations.ts";
import { parseDurationMs } from "./duration.ts";
import { headerOperations } from "./header-operations.ts";
import { httpMatches, isCatchAll } from "./http-match.ts";
import type { DestinationSpec, HttpRouteSpec } from "./istio.ts";
import { validPort } from "./ports.ts";
import { retryPolicy } from "./retry-policy.ts";
import { stringMatch } from "./string-match.ts";

/** A route and the namespace that its short names belong to: a delegate's routes keep their own. */
export interface HttpRouteSource {
  readonly spec: HttpRouteSpec;
  readonly namespace: string;
}

/** Routes in order; those behind one that takes everything are dropped, as nothing reaches them. */
export function httpRoutes(sources: readonly HttpRouteSource[], context: RouteContext): HttpRoute[] {
  const routes: HttpRoute[] = [];
  for (const { spec, namespace } of sources.flatMap(byMatch)) {
    const route = httpRoute(spec, { ...context, namespace });
    if (route === undefined) continue;
    routes.push(route);
    if (route.matches.length === 0 || route.matches.some(isCatchAll)) break;
  }
  return routes;
}

/** A route whose matches have names or prefixes is a route for each of them, as logs and statistics tell by which one a request came. */
function byMatch(source: HttpRouteSource): readonly HttpRouteSource[] {
  const { spec } = source;
  if (spec.match?.some((match) => match?.name || match?.statPrefix) !== true) return [source];
  return spec.match.map((match) => {
    const names = [spec.name, match?.name].filter((name) => name !== undefined && name !== "");
    return { ...source, spec: { ...spec, name: names.join("."), match: [match] } };
  });
}

function httpRoute(spec: HttpRouteSpec, context: RouteContext): HttpRoute | undefined {
  const matches = httpMatches(spec.match);
  if (matches === undefined) return undefined;
  const action = routeAction(spec, context);
  const forwards = action.kind === "forward";
  const timeoutMs = parseDurationMs(spec.timeout);
  const retries: RetryPolicy | undefined = forwards ? retryPolicy(spec.retries) : undefined;
  const fault = injectedFault(spec.fault);
  const headers = headerOperations(spec.headers);
  const rewrite = rewritten(spec.rewrite);
  const cors = corsPolicy(spec.corsPolicy);
  // A route with several matches has none with a prefix.
  const statPrefix = spec.match?.[0]?.statPrefix;
  return {
    ...(spec.name ? { name: spec.name } : {}),
    ...(forwards && statPrefix ? { statPrefix } : {}),
    matches,
    action,
    ...(timeoutMs ? { timeoutMs } : {}),
    ...(retries && { retries }),
    ...(fault && { fault }),
    mirrors: forwards ? mirrors(spec, context) : [],
    ...(headers && { headers }),
    ...(rewrite && { rewrite }),
    ...(cors && { cors }),
  };
}

function routeAction(spec: HttpRouteSpec, context: RouteContext): RouteAction {
  const { redirect, directResponse } = spec;
  if (redirect !== undefined) {
    const port = validPort(redirect.port);
    return {
      kind: "redirect",
      code: redirect.redirectCode || 301,
      ...(redirect.uri ? { uri: redirect.uri } : {}),
      ...(redirect.prefixRewrite ? { prefixRewrite: redirect.prefixRewrite } : {}),
      ...(redirect.authority ? { authority: redirect.authority } : {}),
      ...(redirect.scheme ? { scheme: redirect.scheme } : {}),
      ...(port && { port }),
      ...(redirect.derivePort ? { derivePort: redirect.derivePort } : {}),
    };
  }
  if (directResponse !== undefined) {
    const { string: body, bytes: bodyBase64 } = directResponse.body ?? {};
    return {
      kind: "directResponse",
      status: directResponse.status,
      ...(body !== undefined && { body }),
      ...(bodyBase64 !== undefined && { bodyBase64 }),
    };
  }
  return { kind: "forward", destinations: destinations(spec.route, context) };
}

/** `percentage` unset is no fault at all, which is Istio's, not the intuitive 100 per cent. */
function injectedFault(spec: HttpRouteSpec["fault"]): Fault | undefined {
  const { delay, abort } = spec ?? {};
  const fixedMs = parseDurationMs(delay?.fixedDelay);
  const delayPercent = delay?.percentage?.value ?? delay?.percent ?? 0;
  const abortPercent = abort?.percentage?.value ?? 0;
  const delays = fixedMs !== undefined && fixedMs > 0 && delayPercent > 0;
  const aborts = (abort?.httpStatus || abort?.grpcStatus) && abortPercent > 0;
  if (!delays && !aborts) return undefined;
  return {
    ...(delays && { delay: { fixedMs, percent: delayPercent } }),
    ...(aborts && {
      abort: {
        ...(abort.httpStatus ? { httpStatus: abort.httpStatus } : {}),
        ...(abort.grpcStatus ? { grpcStatus: abort.grpcStatus } : {}),
        percent: abortPercent,
      },
    }),
  };
}

/** `mirror` and `mirrors` exclude one another; 100 per cent unless they say less, and 0 is no mirror. */
function mirrors(spec: HttpRouteSpec, context: RouteContext): Mirror[] {
  const one = (destination: DestinationSpec, percent: number): Mirror => ({
    ...target(destination, context),
    percent,
  });
  const percent = spec.mirrorPercentage?.value ?? spec.mirrorPercent ?? spec.mirror_percent ?? 100;
  const all = [
    ...(spec.mirror === undefined ? [] : [one(spec.mirror, percent)]),
    ...(spec.mirrors ?? []).map((entry) =>
      one(entry.destination, entry.percentage === undefined ? 100 : (entry.percentage.value ?? 0)),
    ),
  ];
  return all.filter((mirror) => mirror.percent > 0);
}

function rewritten(spec: HttpRouteSpec["rewrite"]): Rewrite | undefined {
  const { uri, authority, uriRegexRewrite: regex } = spec ?? {};
  if (!uri && !authority && !regex?.match) return undefined;
  return {
    ...(uri ? { uri } : {}),
    ...(authority ? { authority } : {}),
    ...(regex?.match ? { regex: { match: regex.match, rewrite: regex.rewrite ?? "" } } : {}),
  };
}

function corsPolicy(spec: HttpRouteSpec["corsPolicy"]): CorsPolicy | undefined {
  if (spec === undefined) return undefined;
  const deprecated = (spec.allowOrigin ?? []).map((value) => ({ kind: "exact" as const, value }));
  const origins = (spec.allowOrigins ?? []).flatMap((origin) => stringMatch(origin) ?? []);
  const maxAgeMs = parseDurationMs(spec.maxAge);
  return {
    // As in Istio, the new field makes the old one void.
    allowOrigins: origins.length > 0 ? origins : deprecated,
    allowMethods: spec.allowMethods ?? [],
    allowHeaders: spec.allowHeaders ?? [],
    exposeHeaders: spec.exposeHeaders ?? [],
    ...(maxAgeMs !== undefined && { maxAgeMs }),
    allowCredentials: spec.allowCredentials ?? false,
    unmatchedPreflights: spec.unmatchedPreflights === "IGNORE" ? "IGNORE" : "FORWARD",
  };
}
