import { type Refusal, refusalOf } from "./refusal.ts";

const refused = refusalOf("authorizationpolicies");
const source = (part: object) => ({ rules: [{ from: [{ source: part }] }] });

export const authorizationPolicyRefusals: readonly Refusal[] = [
  refused("an unknown action", { action: "LOG" }, `spec.action: Unsupported value: "LOG"`),
  refused(
    "a selector and a target",
    { selector: { matchLabels: { app: "a" } }, targetRef: { kind: "Service", name: "b" } },
    "spec: Invalid value: set at most one of selector, targetRef and targetRefs",
  ),
  refused(
    "a target and targets",
    { targetRef: { kind: "Service", name: "b" }, targetRefs: [{ kind: "Service", name: "b" }] },
    "spec: Invalid value: set at most one of selector, targetRef and targetRefs",
  ),
  refused(
    "more than 16 targets",
    { targetRefs: Array.from({ length: 17 }, () => ({ kind: "Service", name: "b" })) },
    "spec.targetRefs: Too many: 17: must have at most 16 items",
  ),
  refused(
    "a target without a name",
    { targetRef: { kind: "Service" } },
    "spec.targetRef.name: Required value",
  ),
  refused(
    "a target in another namespace",
    { targetRef: { kind: "Service", name: "b", namespace: "other" } },
    `spec.targetRef.namespace: Invalid value: "other": leave it out: a target in another namespace is not supported`,
  ),
  refused(
    "a target of a malformed kind",
    { targetRef: { kind: "1Service", name: "b" } },
    "spec.targetRef.kind in body should match",
  ),
  ...(["principals", "notPrincipals", "namespaces", "notNamespaces"] as const).map((field) =>
    refused(
      `serviceAccounts with ${field}`,
      source({ serviceAccounts: ["a"], [field]: ["b"] }),
      "spec.rules[0].from[0].source: Invalid value: serviceAccounts already say identity and namespace: do not combine them with principals or namespaces",
    ),
  ),
  refused(
    "a service account with two slashes",
    source({ serviceAccounts: ["a/b/c"] }),
    "spec.rules[0].from[0].source.serviceAccounts[0] in body should match '^[^/]*(/[^/]*)?$'",
  ),
  refused(
    "an empty service account",
    source({ notServiceAccounts: [""] }),
    "spec.rules[0].from[0].source.notServiceAccounts[0] in body should be at least 1 chars long",
  ),
  refused(
    "more than 16 service accounts",
    source({ serviceAccounts: Array.from({ length: 17 }, (_, i) => `a${i}`) }),
    "spec.rules[0].from[0].source.serviceAccounts: Too many: 17: must have at most 16 items",
  ),
  refused(
    "a condition without a key",
    { rules: [{ when: [{ values: ["a"] }] }] },
    "spec.rules[0].when[0].key: Required value",
  ),
  refused(
    "more than 512 rules",
    { rules: Array.from({ length: 513 }, () => ({})) },
    "spec.rules: Too many: 513: must have at most 512 items",
  ),
];
