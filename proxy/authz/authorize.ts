/** The AuthorizationPolicies of a workload as one decision: DENY, then ALLOW, then the default (Istio's order). */
import type { WorkloadConfigStatus } from "../../crds/workload-config.ts";
import { compileRule, type RulePredicate } from "./rule.ts";
import type { AuthzRequest, Decision } from "./types.ts";

export type AuthorizationPolicies = WorkloadConfigStatus["authorization"];

export interface Authorizer {
  /** False when every request is allowed: there is nothing to evaluate. */
  readonly applies: boolean;
  authorize(request: AuthzRequest): Decision;
  /** What policies on a dry run would decide; undefined when there are none. */
  readonly dryRun: ((request: AuthzRequest) => Decision) | undefined;
}

interface CompiledRule {
  readonly matches: RulePredicate;
  readonly decision: Decision;
}

interface RuleSet {
  readonly deny: readonly CompiledRule[];
  readonly allow: readonly CompiledRule[];
}

const allowed: Decision = Object.freeze({ allowed: true, detail: "" });
const noAllowMatched: Decision = Object.freeze({
  allowed: false,
  detail: "rbac_access_denied_matched_policy[none]",
});

/**
 * Compiles policies. An ALLOW policy without rules denies everything, as `spec: {}` means to. CUSTOM policies have no provider
 * here and so deny what they match, as Istio treats a provider that is broken. AUDIT never blocks and is left out. Policies on
 * a dry run decide among themselves, and nothing.
 */
export function compileAuthorization(policies: AuthorizationPolicies): Authorizer {
  const enforced = compileDecision(policies);
  const dry = policies.flatMap((policy) => (policy.dryRun ? { ...policy, action: policy.dryRun } : []));
  const dryRun = dry.length > 0 ? compileDecision(dry).decide : undefined;
  return Object.freeze({ applies: enforced.applies, authorize: enforced.decide, dryRun });
}

function compileDecision(policies: AuthorizationPolicies): {
  readonly applies: boolean;
  readonly decide: (request: AuthzRequest) => Decision;
} {
  const allows = policies.some((policy) => policy.action === "ALLOW");
  const http = ruleSet(policies, true);
  const tcp = ruleSet(policies, false);
  return {
    applies: allows || http.deny.length > 0 || tcp.deny.length > 0,
    decide(request) {
      const { deny, allow } = request.http === undefined ? tcp : http;
      for (const rule of deny) if (rule.matches(request)) return rule.decision;
      if (!allows) return allowed;
      for (const rule of allow) if (rule.matches(request)) return rule.decision;
      return noAllowMatched;
    },
  };
}

function ruleSet(policies: AuthorizationPolicies, http: boolean): RuleSet {
  const deny: CompiledRule[] = [];
  const allow: CompiledRule[] = [];
  for (const { name, namespace, action, rules } of policies) {
    if (action === "AUDIT") continue;
    for (const [i, rule] of rules.entries()) {
      const effect = action === "ALLOW" ? "ALLOW" : "DENY";
      const matches = compileRule(rule, { action: effect, http, namespace });
      if (matches === undefined) continue;
      if (effect === "ALLOW") allow.push({ matches, decision: allowed });
      else deny.push({ matches, decision: denial(namespace, name, i) });
    }
  }
  return { deny, allow };
}

function denial(namespace: string, policy: string, rule: number): Decision {
  const detail = `rbac_access_denied_matched_policy[ns[${namespace}]-policy[${policy}]-rule[${rule}]]`;
  return Object.freeze({ allowed: false, detail });
}
