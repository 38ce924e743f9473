/** One HttpMatch as a predicate: its conditions AND together (VirtualService http[].match[]). */
import type { HttpMatch, NamedMatch, StringMatch } from "../../crds/service-config.ts";
import { pathOnly, queryParam } from "./query.ts";
import { compileString } from "./strings.ts";

/** A request as matchers see it; `proxy/config/view.ts` names it RouteRequest to the data path. */
export interface MatchRequest {
  readonly method: string;
  readonly path: string;
  readonly authority: string;
  readonly scheme: string;
  readonly port: number;
  header(name: string): string | undefined;
}

/** Who calls: what `sourceLabels` and `sourceNamespace` are compared with, once, when routes are compiled. */
export interface Client {
  readonly namespace: string;
  readonly labels: Readonly<Record<string, string>>;
}

export interface CompiledMatch {
  matches(request: MatchRequest): boolean;
  /** The uri prefix that a rewrite replaces: "/" without a uri condition, undefined for exact and regex (the whole path). */
  readonly prefix: string | undefined;
  /** What the path must be, or begin with, letter for letter: what an index finds it by. Undefined when only asking tells. */
  readonly path: { readonly kind: "exact" | "prefix"; readonly value: string } | undefined;
}

type Condition = (request: MatchRequest) => boolean;

/** Compiles a match; undefined when it is not for this client. Throws PatternError for a bad regex. */
export function compileMatch(match: HttpMatch, client: Client): CompiledMatch | undefined {
  if (!isFor(match, client)) return undefined;
  const conditions: Condition[] = [];
  const { uri, scheme, method, authority, port } = match;
  // Cheapest first: the conditions have no order of their own.
  if (port !== undefined) conditions.push((request) => request.port === port);
  if (method !== undefined) {
    const matches = compileString(method);
    conditions.push((request) => matches(request.method));
  }
  if (uri !== undefined) {
    const matches = compileString(uri, match.ignoreUriCase === true);
    // A prefix or regex that could reach into the query must not see it; an exact path has none.
    conditions.push((request) => matches(pathOnly(request.path)));
  }
  if (authority !== undefined) {
    const matches = compileString(authority);
    conditions.push((request) => matches(request.authority));
  }
  if (scheme !== undefined) {
    const matches = compileString(scheme);
    conditions.push((request) => matches(request.scheme));
  }
  conditions.push(...match.headers.map(headerCondition));
  conditions.push(...match.withoutHeaders.map((each) => not(headerCondition(each))));
  conditions.push(...match.queryParams.map(queryCondition));
  const prefix = uri === undefined ? "/" : uri.kind === "prefix" ? uri.value : undefined;
  const path = match.ignoreUriCase === true ? undefined : literal(uri);
  const [only] = conditions;
  if (only === undefined) return { prefix, path, matches: () => true };
  if (conditions.length === 1) return { prefix, path, matches: only };
  return {
    prefix,
    path,
    matches(request) {
      for (const condition of conditions) if (!condition(request)) return false;
      return true;
    },
  };
}

function literal(uri: StringMatch | undefined): CompiledMatch["path"] {
  if (uri?.kind !== "exact" && uri?.kind !== "prefix") return undefined;
  return { kind: uri.kind, value: uri.value };
}

/** `sourceLabels` and `sourceNamespace`: Istio evaluates them for the client proxy, not for the request. */
export function isFor(
  match: { readonly sourceLabels?: Readonly<Record<string, string>>; readonly sourceNamespace?: string },
  client: Client,
): boolean {
  if (match.sourceNamespace !== undefined && match.sourceNamespace !== client.namespace) return false;
  return Object.entries(match.sourceLabels ?? {}).every(([key, value]) => client.labels[key] === value);
}

function headerCondition(match: NamedMatch): Condition {
  const matches = compileString(match);
  const { name } = match;
  switch (name) {
    case ":authority":
    case "host":
      return (request) => matches(request.authority);
    case ":method":
      return (request) => matches(request.method);
    case ":path":
      return (request) => matches(request.path);
    case ":scheme":
      return (request) => matches(request.scheme);
    default:
      return (request) => matches(request.header(name));
  }
}

function queryCondition(match: NamedMatch): Condition {
  const matches = compileString(match);
  return (request) => matches(queryParam(request.path, match.name));
}

function not(condition: Condition): Condition {
  return (request) => !condition(request);
}
