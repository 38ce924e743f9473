import { duration, type Refusal, refusalOf } from "./refusal.ts";

const refused = refusalOf("requestauthentications");
const refusedRule = (name: string, rule: object, says: string) => refused(name, { jwtRules: [rule] }, says);

export const requestAuthenticationRefusals: readonly Refusal[] = [
  refusedRule(
    "keys at two places",
    { jwks: "{}", jwksUri: "https://a" },
    "set at most one of jwksUri, jwks_uri and jwks",
  ),
  refusedRule(
    "keys in a file",
    { jwksUri: "file:///keys" },
    "spec.jwtRules[0].jwksUri in body should match '^https?://[^/?#]+.*$'",
  ),
  refusedRule("keys without a host", { jwksUri: "https:///keys" }, "spec.jwtRules[0].jwksUri"),
  refusedRule(
    "an empty audience",
    { audiences: [""] },
    "spec.jwtRules[0].audiences[0] in body should be at least 1 chars long",
  ),
  refusedRule(
    "a header without a name",
    { fromHeaders: [{ prefix: "a" }] },
    "spec.jwtRules[0].fromHeaders[0].name: Required value",
  ),
  refusedRule(
    "a header with a line break",
    { outputClaimToHeaders: [{ header: "a\r\nb", claim: "c" }] },
    "spec.jwtRules[0].outputClaimToHeaders[0].header in body should match",
  ),
  refusedRule(
    "a timeout of 0s",
    { timeout: "0s" },
    `spec.jwtRules[0].timeout: Invalid value: "0s": ${duration}`,
  ),
  refused(
    "a selector and a target",
    { selector: { matchLabels: { a: "b" } }, targetRef: { kind: "Gateway", name: "g" } },
    "set at most one of selector, targetRef and targetRefs",
  ),
];
