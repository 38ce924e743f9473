import { describe, expect, it } from "vitest";
import type { JwtRule } from "../../crds/workload-config.ts";
import { change, type Manifest, object, objects, pod, snapshotOf } from "./cluster.fake.ts";
import { createCompiler } from "./compile.ts";
import { defaultSettings, type RequestAuthentication } from "./inputs.ts";
import { publicKeySet } from "./key-set.ts";
import { compileRequestAuthentication } from "./request-authentication.ts";

const ra = (spec: string, meta = "name: r, namespace: prod") => `---
kind: RequestAuthentication
metadata: {${meta}}
spec: {${spec}}
`;
const keys = '{"keys":[{"kty":"oct","k":"c2VjcmV0"}]}';

function compiled(
  yaml: string,
  labels: Record<string, string> = { app: "shop" },
  fetched: Record<string, string> = {},
): JwtRule[] {
  const policies = objects(yaml) as (Manifest & RequestAuthentication)[];
  return compileRequestAuthentication(policies, labels, (source) => fetched[source]).rules;
}

describe("a RequestAuthentication", () => {
  const cases: { rule: string; yaml: string; expected: object[] }[] = [
    {
      rule: "that says little gets what is meant by that",
      yaml: ra("jwtRules: [{issuer: i}]"),
      expected: [
        {
          name: "prod/r",
          issuer: "i",
          audiences: [],
          jwks: "",
          fromHeaders: [],
          fromParams: [],
          fromCookies: [],
          outputClaimToHeaders: [],
          forwardOriginalToken: false,
          spaceDelimitedClaims: [],
        },
      ],
    },
    {
      rule: "travels whole, headers in lower case",
      yaml: ra(
        `jwtRules: [{issuer: i, audiences: [a], jwks: '${keys}', fromHeaders: [{name: X-T, prefix: 'T '}, {name: Y, prefix: ''}], fromParams: [p], fromCookies: [c], outputPayloadToHeader: X-P, outputClaimToHeaders: [{header: X-C, claim: a.B}], forwardOriginalToken: true, spaceDelimitedClaims: [s]}]`,
      ),
      expected: [
        {
          audiences: ["a"],
          jwks: '{"keys":[{"kty":"oct","k":"c2VjcmV0"}]}',
          fromHeaders: [{ name: "x-t", prefix: "T " }, { name: "y" }],
          fromParams: ["p"],
          fromCookies: ["c"],
          outputPayloadToHeader: "x-p",
          outputClaimToHeaders: [{ header: "x-c", claim: "a.B" }],
          forwardOriginalToken: true,
          spaceDelimitedClaims: ["s"],
        },
      ],
    },
    { rule: "without rules asks for nothing", yaml: ra(""), expected: [] },
    {
      rule: "of another workload is left out",
      yaml: ra("selector: {matchLabels: {app: other}}, jwtRules: [{issuer: i}]"),
      expected: [],
    },
    {
      rule: "for a gateway is left out",
      yaml: ra("targetRef: {kind: Gateway, name: g}, jwtRules: [{issuer: i}]"),
      expected: [],
    },
    {
      rule: "adds to others, by namespace and name",
      yaml:
        ra("jwtRules: [{issuer: 3}]", "name: b, namespace: prod") +
        ra("jwtRules: [{issuer: 1}, {issuer: 2}]", "name: a, namespace: prod"),
      expected: [{ issuer: 1 }, { issuer: 2 }, { issuer: 3 }],
    },
  ];
  it.each(cases)("$rule", ({ yaml, expected }) => {
    const rules = compiled(yaml);
    expect(rules).toHaveLength(expected.length);
    expect(rules).toMatchObject(expected);
  });

  it.each([
    ["by its address", "jwtRules: [{issuer: i, jwksUri: 'https://i/keys'}]", "https://i/keys"],
    ["by its address' old name", "jwtRules: [{issuer: i, jwks_uri: 'https://i/keys'}]", "https://i/keys"],
    ["by discovery", "jwtRules: [{issuer: 'https://i'}]", "discover:https://i"],
  ])("gets the keys that were fetched %s", (_, spec, source) => {
    expect(compiled(ra(spec), undefined, { [source]: keys })[0]?.jwks).toBe(keys);
  });
});

describe("a key set for proxies", () => {
  it.each<[string, string | undefined, string]>([
    ["nothing", undefined, ""],
    ["no JSON", "<html>", ""],
    ["no keys", '{"keys":[]}', ""],
    ["another shape", '{"keys":{"kty":"RSA"}}', ""],
    [
      "private members and certificates",
      '{"keys":[{"x5c":["A"],"d":"D","p":"P","e":"AQAB","n":"N","kty":"RSA","alg":"RS256","kid":"1"}]}',
      '{"keys":[{"kty":"RSA","kid":"1","alg":"RS256","n":"N","e":"AQAB"}]}',
    ],
    ["what is no key", '{"keys":[7,null,{"a":"b"},{"kty":"EC"}]}', '{"keys":[{"kty":"EC"}]}'],
  ])("of %s", (_, document, expected) => {
    expect(publicKeySet(document)).toBe(expected);
  });
});

describe("a change of what tokens are verified with", () => {
  const manifests = [
    pod("p", { namespace: "prod", labels: { app: "shop" }, workload: "Deployment/shop" }),
    pod("q", { namespace: "test", labels: { app: "shop" }, workload: "Deployment/shop" }),
    ...objects(ra("jwtRules: [{issuer: 'https://i'}]")),
  ];
  const keySet = (jwks: string) => ({ kind: "KeySet", metadata: { name: "discover:https://i" }, jwks });
  const source = "discover:https://i";

  it("reaches the workloads that the policy selects, and they get it", () => {
    const compiler = createCompiler(defaultSettings);
    compiler.load(snapshotOf(manifests));
    const rules = () => compiler.compileWorkload("prod/Deployment/shop")?.status.jwtRules;
    expect(rules()).toMatchObject([{ issuer: "https://i", jwks: "" }]);
    const affected = compiler.affected({ kind: "KeySet", key: source, object: keySet(keys) });
    expect(affected.workloads).toEqual(["prod/Deployment/shop"]);
    expect(rules()).toMatchObject([{ jwks: keys }]);
    compiler.configure({ ...defaultSettings, accessLog: true });
    expect(rules()).toMatchObject([{ jwks: keys }]);
  });

  it("in the root namespace reaches every workload", () => {
    const compiler = createCompiler(defaultSettings);
    compiler.load(snapshotOf(manifests));
    const everywhere = object(
      "RequestAuthentication",
      "metadata: {name: all, namespace: istio-system, generation: 3}\nspec: {jwtRules: [{issuer: x}]}",
    );
    expect(compiler.affected(change(everywhere)).workloads).toEqual([
      "prod/Deployment/shop",
      "test/Deployment/shop",
    ]);
    const status = compiler.compileWorkload("test/Deployment/shop")?.status;
    expect(status?.jwtRules).toMatchObject([{ name: "istio-system/all" }]);
    expect(status?.generations).toContain("RequestAuthentication/istio-system/all@3");
  });
});
