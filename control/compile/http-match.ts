/** The conditions of a VirtualService's HTTP routes, and which of them leave nothing for the routes behind. */
import type { HttpMatch } from "../../crds/service-config.ts";
import type { HttpMatchSpec } from "./istio.ts";
import { isEmpty } from "./labels.ts";
import { isImpossiblePort } from "./ports.ts";
import { namedMatches, stringMatch } from "./string-match.ts";

/** The reserved gateway name that stands for every sidecar. */
export const mesh = "mesh";

/** Whether a resource or match with this list of gateways applies to sidecars; no list leaves it as it is. */
export function appliesToMesh(gateways: readonly string[] | undefined): boolean {
  return gateways === undefined || gateways.length === 0 || gateways.includes(mesh);
}

/**
 * The alternatives that can match at a sidecar: in order, ending with the first that takes everything. `[]` when the
 * route has no conditions, undefined when no sidecar can ever match one of its alternatives.
 */
export function httpMatches(specs: readonly HttpMatchSpec[] | undefined): HttpMatch[] | undefined {
  if (specs === undefined || specs.length === 0) return [];
  const matches: HttpMatch[] = [];
  for (const spec of specs) {
    const match = httpMatch(spec ?? {});
    if (match === undefined) continue;
    if (matches.length === 0 && isUnconditional(match)) return [];
    matches.push(match);
    if (isCatchAll(match)) break;
  }
  return matches.length === 0 ? undefined : matches;
}

function httpMatch(spec: HttpMatchSpec): HttpMatch | undefined {
  if (!appliesToMesh(spec.gateways) || isImpossiblePort(spec.port)) return undefined;
  // Claims of a token are known at gateways only: a sidecar's request never has one.
  if (Object.keys(spec.headers ?? {}).some(isClaim)) return undefined;
  const uri = stringMatch(spec.uri);
  const scheme = stringMatch(spec.scheme);
  const method = stringMatch(spec.method);
  const authority = stringMatch(spec.authority);
  const lowerCase = (name: string) => name.toLowerCase();
  return {
    ...(uri && { uri }),
    ...(uri && spec.ignoreUriCase === true && { ignoreUriCase: true }),
    ...(scheme && { scheme }),
    ...(method && { method }),
    ...(authority && { authority }),
    headers: namedMatches(spec.headers, lowerCase),
    withoutHeaders: namedMatches(spec.withoutHeaders, lowerCase).filter(({ name }) => !isClaim(name)),
    queryParams: namedMatches(spec.queryParams, (name) => name),
    ...(spec.port ? { port: spec.port } : {}),
    ...(!isEmpty(spec.sourceLabels) && spec.sourceLabels && { sourceLabels: spec.sourceLabels }),
    ...(spec.sourceNamespace ? { sourceNamespace: spec.sourceNamespace } : {}),
  };
}

function isClaim(header: string): boolean {
  return header.startsWith("@request.auth.claims");
}

/** Every path, and nothing else asked: prefix `/`, regex `.*`, or no path at all. */
export function isCatchAll(match: HttpMatch): boolean {
  const { uri, ...others } = match;
  const anyPath =
    uri === undefined ||
    (uri.kind === "prefix" && (uri.value === "/" || uri.value === "")) ||
    (uri.kind === "regex" && uri.value === ".*");
  return anyPath && isUnconditional(others);
}

function isUnconditional(match: HttpMatch): boolean {
  const { ignoreUriCase: _, headers, withoutHeaders, queryParams, ...single } = match;
  return headers.length + withoutHeaders.length + queryParams.length + Object.keys(single).length === 0;
}
