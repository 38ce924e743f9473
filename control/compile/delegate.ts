/**
 * Delegation: a route of a root VirtualService may leave its place to the routes of another one, which has no hosts.
 * A delegate's route must ask for no less than the root's does; where the two conflict, that route disappears. One
 * level only (Istio docs, "Delegate").
 */
import { resolveHost } from "./hosts.ts";
import type { HttpRouteSource } from "./http-route.ts";
import type { VirtualService } from "./inputs.ts";
import type { DestinationSpec, HttpMatchSpec, HttpRouteSpec, StringMatchSpec } from "./istio.ts";
import { isVisible, visibilityOf } from "./visibility.ts";

/** `namespace/name` of the VirtualService that a route delegates to; the root's own namespace by default. */
export function delegateKey(route: HttpRouteSpec, namespace: string): string | undefined {
  if (route.delegate === undefined) return undefined;
  return `${route.delegate.namespace || namespace}/${route.delegate.name ?? ""}`;
}

/** A VirtualService's HTTP routes with delegates' in their places, and the delegates that were found. */
export function expandRoutes(
  root: VirtualService,
  find: (key: string) => VirtualService | undefined,
  clusterDomain: string,
): { routes: HttpRouteSource[]; delegates: VirtualService[] } {
  const namespace = root.metadata.namespace ?? "";
  const delegates: VirtualService[] = [];
  const routes = (root.spec?.http ?? []).flatMap((spec): HttpRouteSource[] => {
    const key = delegateKey(spec, namespace);
    if (key === undefined) return [{ spec, namespace }];
    const delegate = find(key);
    if (delegate === undefined || !mayServe(delegate, namespace)) return [];
    delegates.push(delegate);
    const base = withFullMirrors(spec, (host) => resolveHost(host, namespace, clusterDomain));
    return (delegate.spec?.http ?? []).flatMap((leaf) => {
      const merged = leaf.delegate === undefined ? mergeRoute(base, leaf) : undefined;
      return merged === undefined ? [] : [{ spec: merged, namespace: delegate.metadata.namespace ?? "" }];
    });
  });
  return { routes, delegates };
}

function mayServe(delegate: VirtualService, rootNamespace: string): boolean {
  if ((delegate.spec?.hosts ?? []).length > 0) return false;
  return isVisible(visibilityOf(delegate.spec?.exportTo, delegate.metadata.namespace ?? ""), rootNamespace);
}

/** Mirrors are inherited, so that their short names must be the root's before they leave it. */
function withFullMirrors(spec: HttpRouteSpec, resolve: (host: string) => string): HttpRouteSpec {
  const full = (destination: DestinationSpec) => ({ ...destination, host: resolve(destination.host) });
  return {
    ...spec,
    ...(spec.mirror && { mirror: full(spec.mirror) }),
    ...(spec.mirrors && {
      mirrors: spec.mirrors.map((entry) => ({ ...entry, destination: full(entry.destination) })),
    }),
  };
}

/** What a delegate's route takes from the root's when it does not say. */
const inherited = [
  "rewrite",
  "directResponse",
  "timeout",
  "retries",
  "fault",
  "mirror",
  "mirrorPercent",
  "mirror_percent",
  "mirrorPercentage",
  "mirrors",
  "corsPolicy",
  "headers",
] as const satisfies readonly (keyof HttpRouteSpec)[];

function mergeRoute(root: HttpRouteSpec, leaf: HttpRouteSpec): HttpRouteSpec | undefined {
  const match = mergeMatches(root.match ?? [], leaf.match ?? []);
  if (match === undefined) return undefined;
  const fromRoot: Partial<Record<(typeof inherited)[number], unknown>> = {};
  for (const field of inherited) if (root[field] !== undefined) fromRoot[field] = root[field];
  const name = joined(root.name, leaf.name);
  return { ...(fromRoot as HttpRouteSpec), ...leaf, match, ...(name && { name }) };
}

function joined(root: string | undefined, leaf: string | undefined): string | undefined {
  return root && leaf ? `${root}-${leaf}` : leaf || root;
}

/** Each alternative of the leaf within each one of the root that it fits; all of the leaf's must fit somewhere. */
function mergeMatches(
  roots: readonly HttpMatchSpec[],
  leaves: readonly HttpMatchSpec[],
): readonly HttpMatchSpec[] | undefined {
  if (roots.length === 0) return leaves;
  if (leaves.length === 0) return roots;
  const merged: HttpMatchSpec[] = [];
  for (const leaf of leaves) {
    const fitting = roots.filter((root) => !conflict(root, leaf));
    if (fitting.length === 0) return undefined;
    merged.push(...fitting.map((root) => mergeMatch(root, leaf)));
  }
  return merged;
}

function mergeMatch(root: HttpMatchSpec, leaf: HttpMatchSpec): HttpMatchSpec {
  const name = joined(root.name, leaf.name);
  return {
    ...root,
    ...leaf,
    ...(name && { name }),
    headers: { ...root.headers, ...leaf.headers },
    withoutHeaders: { ...root.withoutHeaders, ...leaf.withoutHeaders },
    queryParams: { ...root.queryParams, ...leaf.queryParams },
    sourceLabels: { ...root.sourceLabels, ...leaf.sourceLabels },
    ...(root.port && !leaf.port && { port: root.port }),
    ...(root.sourceNamespace && { sourceNamespace: root.sourceNamespace }),
    ...(root.gateways && !leaf.gateways?.length && { gateways: root.gateways }),
  };
}

function conflict(root: HttpMatchSpec, leaf: HttpMatchSpec): boolean {
  const texts = [
    [root.uri, leaf.uri],
    [root.scheme, leaf.scheme],
    [root.method, leaf.method],
    [root.authority, leaf.authority],
    ...pairs(root.headers, leaf.headers),
    ...pairs(root.withoutHeaders, leaf.withoutHeaders),
    ...pairs(root.queryParams, leaf.queryParams),
  ] as const;
  if (texts.some(([a, b]) => textConflict(a, b))) return true;
  if ((root.ignoreUriCase ?? false) !== (leaf.ignoreUriCase ?? false)) return true;
  if (root.port && leaf.port && root.port !== leaf.port) return true;
  if (root.sourceNamespace && leaf.sourceNamespace && root.sourceNamespace !== leaf.sourceNamespace)
    return true;
  const labels = Object.entries(leaf.sourceLabels ?? {});
  if (
    labels.some(([key, value]) => root.sourceLabels?.[key] !== undefined && root.sourceLabels[key] !== value)
  )
    return true;
  const gateways = root.gateways ?? [];
  return gateways.length > 0 && (leaf.gateways ?? []).some((gateway) => !gateways.includes(gateway));
}

type Matches = Readonly<Record<string, StringMatchSpec>> | undefined;

function pairs(root: Matches, leaf: Matches): [StringMatchSpec | undefined, StringMatchSpec][] {
  return Object.entries(leaf ?? {}).map(([key, match]) => [root?.[key], match]);
}

/** Whether the leaf's comparison could let through what the root's does not; a regex is never known to be narrower. */
function textConflict(root: StringMatchSpec | undefined, leaf: StringMatchSpec | undefined): boolean {
  if (root === undefined || leaf === undefined) return false;
  if (root.regex || leaf.regex) return true;
  if (root.exact) return leaf.exact !== root.exact;
  if (root.prefix) return !(leaf.prefix ?? leaf.exact ?? "").startsWith(root.prefix);
  // The root asks for presence, or for an empty prefix: anything is narrower.
  return false;
}
