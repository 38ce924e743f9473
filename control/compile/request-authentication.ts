/** Which RequestAuthentications hold for a workload, written out for its proxy with the keys in place. */
import type { JwtRule } from "../../crds/workload-config.ts";
import type { RequestAuthentication } from "./inputs.ts";
import type { JwtRuleSpec } from "./istio.ts";
import { publicKeySet } from "./key-set.ts";
import type { Labels } from "./labels.ts";
import { keyOf } from "./names.ts";
import { compareText } from "./order.ts";
import { appliesTo } from "./policy.ts";

/** Marks a source whose keys OpenID Connect discovery finds. */
export const discoveryPrefix = "discover:";

/**
 * Where a rule's keys come from: a URL, or `discover:ISSUER`; undefined when the rule carries them, or when there is nothing to
 * find them by.
 */
export function keySource(rule: JwtRuleSpec): string | undefined {
  if (rule.jwks !== undefined && rule.jwks !== "") return undefined;
  const address = rule.jwksUri ?? rule.jwks_uri ?? "";
  if (address !== "") return address;
  return rule.issuer === undefined || rule.issuer === "" ? undefined : `${discoveryPrefix}${rule.issuer}`;
}

/** The sources of all keys that a RequestAuthentication needs. */
export function keySources(policy: RequestAuthentication): string[] {
  return (policy.spec?.jwtRules ?? []).flatMap((rule) => keySource(rule) ?? []);
}

/** The rules of all policies that hold, those of the root namespace's among them: all together, none overrides another. */
export function compileRequestAuthentication(
  policies: readonly RequestAuthentication[],
  labels: Labels,
  keysOf: (source: string) => string | undefined,
): { rules: JwtRule[]; sources: RequestAuthentication[] } {
  const sources = policies
    .filter((policy) => appliesTo(policy, labels))
    .sort((a, b) => compareText(keyOf(a.metadata), keyOf(b.metadata)));
  const rules = sources.flatMap((policy) =>
    (policy.spec?.jwtRules ?? []).map((rule) => compileRule(rule, keyOf(policy.metadata), keysOf)),
  );
  return { rules, sources };
}

function compileRule(
  rule: JwtRuleSpec,
  name: string,
  keysOf: (source: string) => string | undefined,
): JwtRule {
  const source = keySource(rule);
  return {
    name,
    issuer: rule.issuer ?? "",
    audiences: rule.audiences ?? [],
    jwks: publicKeySet(source === undefined ? rule.jwks : keysOf(source)),
    fromHeaders: (rule.fromHeaders ?? []).map(({ name: header, prefix }) => ({
      name: header.toLowerCase(),
      ...(prefix !== undefined && prefix !== "" && { prefix }),
    })),
    fromParams: rule.fromParams ?? [],
    fromCookies: rule.fromCookies ?? [],
    ...(rule.outputPayloadToHeader && { outputPayloadToHeader: rule.outputPayloadToHeader.toLowerCase() }),
    outputClaimToHeaders: (rule.outputClaimToHeaders ?? []).map(({ header, claim }) => ({
      header: header.toLowerCase(),
      claim,
    })),
    forwardOriginalToken: rule.forwardOriginalToken ?? false,
    spaceDelimitedClaims: rule.spaceDelimitedClaims ?? [],
  };
}
