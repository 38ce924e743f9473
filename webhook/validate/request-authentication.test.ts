import { describe, expect, test } from "vitest";
import { checkRules, type RuleCase, warningsOf } from "./fixtures.ts";

const rule = (fields: object) => ({ jwtRules: [{ issuer: "i", ...fields }] });
const at = (field: string) => `spec.jwtRules[0].${field}`;

const cases: RuleCase[] = [
  {
    rule: "no spec is needed",
    bad: [],
    says: ["spec: Invalid value: []: must be an object"],
    good: undefined,
  },
  {
    rule: "a rule says whose tokens, or where the keys are",
    bad: { jwtRules: [{ jwks: '{"keys":[]}' }] },
    says: [`${at("issuer")}: Required value: whose tokens are taken; without an issuer, jwksUri`],
    good: { jwtRules: [{ jwksUri: "https://issuer.example/keys" }] },
  },
  {
    rule: "a rule is not null",
    bad: { jwtRules: [null] },
    says: ["spec.jwtRules[0]: Required value: must not be null"],
    good: { jwtRules: [] },
  },
  {
    rule: "keys are at one place",
    bad: rule({ jwksUri: "https://a", jwks: '{"keys":[]}' }),
    says: [`${at("jwks")}: Forbidden: may not be used together with jwksUri`],
    good: rule({ jwksUri: "", jwks: '{"keys":[]}' }),
  },
  {
    rule: "keys are fetched over HTTP",
    bad: rule({ jwksUri: "file:///etc/keys" }),
    says: [`${at("jwksUri")}: Invalid value: "file:///etc/keys": must be an https:// or http:// address`],
    good: rule({ jwks_uri: "http://keys.auth.svc.cluster.local:8080/keys?x=y" }),
  },
  {
    rule: "an address' port is a port",
    bad: rule({ jwksUri: "https://a:99999" }),
    says: [`${at("jwksUri")}: Invalid value: "https://a:99999": must be an https:// or http:// address`],
    good: rule({ jwksUri: "https://[2001:db8::1]:8443/" }),
  },
  {
    rule: "an address holds no password",
    bad: rule({ jwksUri: "https://u:p@a" }),
    says: [`${at("jwksUri")}: Invalid value: "https://u:p@a": must not hold a user or a password`],
    good: rule({ jwksUri: "https://a" }),
  },
  {
    rule: "a key set is one",
    bad: rule({ jwks: '{"keys":[{}]}' }),
    says: [`${at("jwks")}: Invalid value: "…": must be a JSON Web Key Set: {"keys": […]}`],
    good: rule({ jwks: '{"keys":[{"kty":"RSA","n":"A","e":"AQAB"}]}' }),
  },
  {
    rule: "lists hold no empty text",
    bad: rule({ audiences: [""], fromParams: [""], fromCookies: [""], spaceDelimitedClaims: [""] }),
    says: ["audiences", "fromParams", "fromCookies", "spaceDelimitedClaims"].map(
      (name) => `${at(name)}[0]: Invalid value: "": must not be empty`,
    ),
    good: rule({ audiences: ["a"], fromParams: ["b"], fromCookies: ["c"], spaceDelimitedClaims: ["d"] }),
  },
  {
    rule: "headers have names",
    bad: rule({ fromHeaders: [{}, { name: "a b" }, null], outputPayloadToHeader: "é" }),
    says: [
      `${at("fromHeaders[2]")}: Required value: must not be null`,
      `${at("fromHeaders[0].name")}: Required value: a header's name`,
      `${at("fromHeaders[1].name")}: Invalid value: "a b": must be a header's name, such as x-user`,
      `${at("outputPayloadToHeader")}: Invalid value: "é": must be a header's name, such as x-user`,
    ],
    good: rule({ fromHeaders: [{ name: "x-token", prefix: "T " }], outputPayloadToHeader: "x-payload" }),
  },
  {
    rule: "outputs have a header and a claim",
    bad: rule({ outputClaimToHeaders: [{ header: "", claim: "" }] }),
    says: [
      `${at("outputClaimToHeaders[0].header")}: Required value: a header's name`,
      `${at("outputClaimToHeaders[0].claim")}: Required value: the claim's name`,
    ],
    good: rule({ outputClaimToHeaders: [{ header: "x-user", claim: "sub" }] }),
  },
  {
    rule: "a claim does not frame requests",
    bad: rule({ outputClaimToHeaders: [{ header: "Content-Length", claim: "n" }] }),
    says: [`${at("outputClaimToHeaders[0].header")}: Forbidden: says how a message is framed or routed`],
    good: rule({ outputClaimToHeaders: [{ header: "x-length", claim: "n" }] }),
  },
  {
    rule: "a timeout is a time",
    bad: rule({ timeout: "0s" }),
    says: [`${at("timeout")}: Invalid value: "0s": must be at least 1ms`],
    good: rule({ timeout: "3s" }),
  },
  {
    rule: "targets and selectors exclude each other",
    bad: { selector: { matchLabels: { a: "b" } }, targetRef: { kind: "Service", name: "s" } },
    says: ["spec.targetRef: Forbidden: may not be used together with selector"],
    good: { targetRefs: [{ kind: "Service", name: "s" }] },
  },
];

checkRules("RequestAuthentication", cases);

describe("a RequestAuthentication is warned of", () => {
  test.each<[string, object]>([
    ["a symmetric key", { kty: "oct", k: "c2VjcmV0" }],
    ["a private key", { kty: "RSA", n: "A", e: "AQAB", d: "D" }],
  ])("for %s", (_, key) => {
    expect(warningsOf("RequestAuthentication", rule({ jwks: JSON.stringify({ keys: [key] }) }))).toEqual([
      `${at("jwks")}: holds a secret key, which whoever reads this object can sign tokens with`,
    ]);
  });

  test("for a selector without labels", () => {
    expect(warningsOf("RequestAuthentication", { selector: {} })).toEqual([
      "spec.selector: selects every workload, as it has no labels",
    ]);
  });
});
