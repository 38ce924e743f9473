import { describe, expect, it } from "vitest";
import { compileAuthorization } from "./authorization.ts";
import { type Manifest, objects } from "./cluster.fake.ts";
import type { AuthorizationPolicy } from "./inputs.ts";

function compiled(yaml: string, labels: Record<string, string> = { app: "payment" }) {
  return compileAuthorization(objects(yaml) as (Manifest & AuthorizationPolicy)[], labels).policies;
}

const ap = (spec: string, meta = "name: p, namespace: prod") => `---
kind: AuthorizationPolicy
metadata: {${meta}}
spec: {${spec}}
`;

describe("an AuthorizationPolicy", () => {
  const cases: { rule: string; yaml: string; expected: unknown[] }[] = [
    {
      rule: "with an empty spec is ALLOW without rules: everything is denied",
      yaml: ap(""),
      expected: [{ name: "p", namespace: "prod", action: "ALLOW", rules: [] }],
    },
    {
      rule: "without spec is the same",
      yaml: "kind: AuthorizationPolicy\nmetadata: {name: p, namespace: prod}",
      expected: [{ name: "p", namespace: "prod", action: "ALLOW", rules: [] }],
    },
    {
      rule: "with one empty rule matches everything",
      yaml: ap("action: DENY, rules: [{}]"),
      expected: [{ action: "DENY", rules: [{ from: [], to: [], when: [] }] }],
    },
    {
      rule: "keeps sources, operations and conditions",
      yaml: ap(
        "rules: [{from: [{source: {principals: [cluster.local/ns/a/sa/b], notNamespaces: [c]}}], to: [{operation: {methods: [POST], paths: [/a, '/b*'], notPorts: ['81']}}], when: [{key: 'request.headers[x]', values: [y]}]}]",
      ),
      expected: [
        {
          action: "ALLOW",
          rules: [
            {
              from: [{ principals: ["cluster.local/ns/a/sa/b"], notNamespaces: ["c"] }],
              to: [{ methods: ["POST"], paths: ["/a", "/b*"], notPorts: ["81"] }],
              when: [{ key: "request.headers[x]", values: ["y"], notValues: [] }],
            },
          ],
        },
      ],
    },
    {
      rule: "names service accounts of its own namespace shortly",
      yaml: ap("rules: [{from: [{source: {serviceAccounts: [a, other/b], notServiceAccounts: [c]}}]}]"),
      expected: [
        { rules: [{ from: [{ serviceAccounts: ["prod/a", "other/b"], notServiceAccounts: ["prod/c"] }] }] },
      ],
    },
    {
      rule: "on a dry run is only recorded",
      yaml: ap(
        "action: DENY, rules: [{}]",
        "name: p, namespace: prod, annotations: {istio.io/dry-run: 'true'}",
      ),
      expected: [{ action: "AUDIT", dryRun: "DENY" }],
    },
    {
      rule: "CUSTOM fails closed",
      yaml: ap("action: CUSTOM, provider: {name: x}, rules: [{}]"),
      expected: [{ action: "DENY" }],
    },
    { rule: "AUDIT stays", yaml: ap("action: AUDIT, rules: [{}]"), expected: [{ action: "AUDIT" }] },
    {
      rule: "of the root namespace applies by its selector",
      yaml: ap("selector: {matchLabels: {app: payment}}", "name: p, namespace: istio-system"),
      expected: [{ namespace: "istio-system" }],
    },
    {
      rule: "whose selector does not fit does not apply",
      yaml: ap("selector: {matchLabels: {app: payment, tier: x}}"),
      expected: [],
    },
    {
      rule: "for a gateway does not apply to sidecars",
      yaml: ap("targetRefs: [{kind: Gateway, group: gateway.networking.k8s.io, name: g}]"),
      expected: [],
    },
    { rule: "with one target likewise", yaml: ap("targetRef: {kind: Service, name: s}"), expected: [] },
  ];
  it.each(cases)("$rule", ({ yaml, expected }) => {
    const found = compiled(yaml);
    expect(found).toHaveLength(expected.length);
    expect(found).toMatchObject(expected);
  });

  it("is asked in the order DENY, ALLOW, AUDIT, then by namespace and name", () => {
    const yaml =
      ap("action: AUDIT, rules: [{}]", "name: z, namespace: a") +
      ap("", "name: b, namespace: prod") +
      ap("", "name: a, namespace: prod") +
      ap("action: DENY, rules: [{}]", "name: y, namespace: z");
    expect(compiled(yaml).map(({ name }) => name)).toEqual(["y", "a", "b", "z"]);
  });
});
