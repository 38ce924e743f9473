/**
 * Keys that this control plane had published before it was restarted: an issuer that is down at that moment must not cost the mesh
 * the tokens that it went on taking until then.
 */
import type { WorkloadConfigStatus } from "../../crds/workload-config.ts";
import type { RequestAuthentication } from "../compile/inputs.ts";
import { keyOf } from "../compile/names.ts";
import { keySource } from "../compile/request-authentication.ts";

type Published = { readonly status?: Partial<Pick<WorkloadConfigStatus, "jwtRules">> };

/** Sources of rules that are published with keys, by the policy's name and the rule's issuer. */
export function rememberedKeys(
  published: Iterable<Published>,
  policies: Iterable<RequestAuthentication>,
): Map<string, string> {
  const byRule = new Map<string, string>();
  for (const { status } of published)
    for (const { name, issuer, jwks } of status?.jwtRules ?? [])
      if (jwks !== "") byRule.set(`${name} ${issuer}`, jwks);
  const known = new Map<string, string>();
  for (const { metadata, spec } of policies) {
    for (const rule of spec?.jwtRules ?? []) {
      const source = keySource(rule);
      const jwks = byRule.get(`${keyOf(metadata)} ${rule.issuer ?? ""}`);
      if (source !== undefined && jwks !== undefined) known.set(source, jwks);
    }
  }
  return known;
}
