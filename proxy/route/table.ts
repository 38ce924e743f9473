/** A list of HttpRoutes, compiled for one client: the first rule that matches wins. */
import type { HttpRoute, RetryPolicy } from "../../crds/service-config.ts";
import { type Client, type CompiledMatch, compileMatch, type MatchRequest } from "./match.ts";

export interface Rule {
  readonly route: HttpRoute;
  /** Empty: everything matches. */
  readonly matches: readonly CompiledMatch[];
}

/** Istio's default, with and without a VirtualService: two retries of what never reached the application. */
export const defaultRetries: RetryPolicy = Object.freeze({
  attempts: 2,
  retryOn: ["connect-failure", "refused-stream", "unavailable", "cancelled", "retriable-status-codes"],
  retriableStatusCodes: [],
  backoffMs: 25,
  retryRemoteLocalities: false,
  ignorePreviousHosts: true,
});

/** Compiles routes; rules that are for other clients, or that follow a catch-all, are left out. Throws PatternError. */
export function compileRules(routes: readonly HttpRoute[], client: Client): readonly Rule[] {
  const rules: Rule[] = [];
  for (const route of routes) {
    const matches = route.matches.flatMap((match) => compileMatch(match, client) ?? []);
    if (route.matches.length > 0 && matches.length === 0) continue;
    rules.push({ route, matches });
    if (matches.length === 0) break;
  }
  return rules;
}

/** The index of the first rule that matches, or -1. */
export function findRule(rules: readonly Rule[], request: MatchRequest): number {
  for (let i = 0; i < rules.length; i++) {
    const matches = rules[i]?.matches;
    if (matches === undefined) continue;
    if (matches.length === 0) return i;
    for (const match of matches) if (match.matches(request)) return i;
  }
  return -1;
}

/** The prefix that the matching condition matched: see `CompiledMatch.prefix`. */
export function matchedPrefix(rule: Rule, request: MatchRequest): string | undefined {
  if (rule.matches.length === 0) return "/";
  return rule.matches.find((match) => match.matches(request))?.prefix;
}

/** The retries that hold for a route: Istio's default without a policy, undefined where the policy says none. */
export function effectiveRetries(route: Pick<HttpRoute, "retries">): RetryPolicy | undefined {
  const policy = route.retries ?? defaultRetries;
  return policy.attempts > 0 ? policy : undefined;
}
