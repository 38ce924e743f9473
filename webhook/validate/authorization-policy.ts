import { checkConditions } from "./authorization-condition.ts";
import {
  checkOperation,
  checkSource,
  layer7OperationFields,
  layer7SourceFields,
} from "./authorization-rule.ts";
import type { Field } from "./field.ts";
import { checkTargets } from "./targets.ts";

const members = ["selector", "targetRef", "targetRefs", "action", "provider", "rules"];
export const actions = ["ALLOW", "DENY", "AUDIT", "CUSTOM"] as const;
const mostRules = 512;

/** `AuthorizationPolicy.spec`; absent or empty, it allows nothing. */
export function checkAuthorizationPolicy(spec: Field): void {
  if (!spec.present || !spec.object(members)) return;
  checkTargets(spec);
  const action = spec.at("action").present ? spec.at("action").choice(actions) : "ALLOW";
  const rules = spec.at("rules");
  checkProvider(spec.at("provider"), action);
  if (action === "DENY" && !rules.present) rules.required("a DENY policy without rules would never act");
  if (action === "CUSTOM" && rules.size === 0) rules.required("a CUSTOM policy needs rules");
  if (rules.size > mostRules) rules.forbidden(`${rules.size} rules; at most ${mostRules} are allowed`);
  for (const rule of rules.items().slice(0, mostRules)) checkRule(rule, action);
}

function checkProvider(field: Field, action: string | undefined): void {
  if (action === "CUSTOM") {
    if (!field.at("name").text()) field.at("name").required("a CUSTOM policy needs its provider's name");
  } else if (field.present && action !== undefined) {
    field.forbidden(`only a CUSTOM policy has a provider; the action is ${action}`);
  }
  if (field.present) field.object(["name"]);
}

function checkRule(rule: Field, action: string | undefined): void {
  if (!rule.object(["from", "to", "when"])) return;
  const custom = action === "CUSTOM";
  for (const name of ["from", "to"]) {
    const list = rule.at(name);
    if (list.present && Array.isArray(list.value) && list.size === 0) {
      list.invalid("must have at least one entry; leave it out to match everything");
    }
    if (list.size > mostRules) list.forbidden(`${list.size} entries; at most ${mostRules} are allowed`);
  }
  const sources = rule.at("from").items().slice(0, mostRules);
  for (const from of sources) {
    if (!from.object(["source"])) continue;
    if (from.at("source").present) checkSource(from.at("source"), custom);
    else from.at("source").required("who may be calling");
  }
  const operations = rule.at("to").items().slice(0, mostRules);
  for (const to of operations) {
    if (!to.object(["operation"])) continue;
    if (to.at("operation").present) checkOperation(to.at("operation"));
    else to.at("operation").required("what is called");
  }
  checkConditions(rule.at("when"), custom);
  if (action === "DENY") warnTcp(rule, sources, operations);
}

/** On a TCP port what is HTTP's is unknown and left out, so that a DENY rule of nothing else denies it all. */
function warnTcp(rule: Field, sources: readonly Field[], operations: readonly Field[]): void {
  const only = (field: Field, layer7: readonly string[]) =>
    field.size > 0 && Object.keys(field.value ?? {}).every((name) => layer7.includes(name));
  const why = "will deny all traffic to TCP ports, as it names only what HTTP has";
  if (operations.length === 0 && sources.some((from) => only(from.at("source"), layer7SourceFields))) {
    rule.warn(why);
  } else if (operations.some((to) => only(to.at("operation"), layer7OperationFields))) {
    rule.warn(`${why}; add ports`);
  }
}
