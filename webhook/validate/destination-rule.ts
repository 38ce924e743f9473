import { checkExportTo } from "./export-to.ts";
import type { Field } from "./field.ts";
import { checkLabels, checkSelector } from "./labels.ts";
import { checkDnsLabel, isWildcardDomain } from "./names.ts";
import { checkTrafficPolicy, type PolicyContext } from "./traffic-policy.ts";

/** `DestinationRule.spec`. */
export function checkDestinationRule(spec: Field, namespace: string): void {
  if (!spec.present) {
    spec.required("host and a traffic policy or subsets");
    return;
  }
  if (!spec.object(["host", "trafficPolicy", "subsets", "exportTo", "workloadSelector"])) return;
  const host = spec.at("host");
  const name = host.text();
  if (!host.present || name === "") host.required("the name of the service that the policy is for");
  else if (name !== undefined && !isWildcardDomain(name)) {
    host.invalid(`domain name ${JSON.stringify(name.slice(0, 80))} invalid`);
  }
  const context = {
    namespace,
    forWorkloads: spec.at("workloadSelector").at("matchLabels").size > 0,
    top: true,
  };
  checkTrafficPolicy(spec.at("trafficPolicy"), context);
  checkSubsets(spec.at("subsets"), context);
  checkExportTo(spec.at("exportTo"), namespace);
  checkWorkloadSelector(spec, namespace);
}

function checkSubsets(field: Field, context: PolicyContext): void {
  const names = new Set<string>();
  for (const subset of field.items()) {
    if (!subset.object(["name", "labels", "trafficPolicy"])) continue;
    const name = subset.at("name");
    const text = name.text();
    if (!name.present || text === "") name.required("the name that routes call the subset by");
    else if (text !== undefined) {
      if (names.has(text)) name.duplicate("duplicate subset names");
      names.add(text);
      checkDnsLabel(name);
    }
    checkLabels(subset.at("labels"));
    checkTrafficPolicy(subset.at("trafficPolicy"), context);
  }
}

/** A rule for chosen clients is for clients of its own namespace. */
function checkWorkloadSelector(spec: Field, namespace: string): void {
  const selector = spec.at("workloadSelector");
  if (!selector.present) return;
  checkSelector(selector);
  const exportTo = spec.at("exportTo");
  const entries = exportTo.texts();
  if (entries.length > 1)
    exportTo.forbidden("with workloadSelector it may have one entry, the own namespace");
  for (const { text, field } of entries.slice(0, 1)) {
    if (text !== "." && text !== namespace) {
      field.forbidden('with workloadSelector it must be the own namespace, "."');
    }
  }
}
