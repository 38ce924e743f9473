import { describe, expect, it } from "vitest";
import { type Manifest, objects } from "./cluster.fake.ts";
import type { PeerAuthentication } from "./inputs.ts";
import { modeOfPort, peerModes, peerPolicies } from "./peer-authentication.ts";

const root = "istio-system";

function modes(yaml: string, namespace = "prod", fallback: "PERMISSIVE" | "STRICT" = "PERMISSIVE") {
  const all = objects(yaml) as (Manifest & PeerAuthentication)[];
  const of = (scope: string) => all.filter(({ metadata }) => metadata.namespace === scope);
  return peerModes(peerPolicies(namespace, root, of, fallback), { app: "payment" });
}

const pa = (meta: string, spec: string) => `---
kind: PeerAuthentication
metadata: {${meta}}
spec: {${spec}}
`;
const mesh = (mode: string) => pa(`name: default, namespace: ${root}`, `mtls: {mode: ${mode}}`);
const wide = (mode: string) => pa("name: default, namespace: prod", `mtls: {mode: ${mode}}`);
const own = (spec: string) =>
  pa("name: own, namespace: prod", `selector: {matchLabels: {app: payment}}, ${spec}`);

describe("the mode of a workload's port", () => {
  const cases: { rule: string; yaml: string; namespace?: string; mode: string }[] = [
    { rule: "the mesh's default when nothing is said", yaml: "", mode: "PERMISSIVE" },
    { rule: "the root namespace's", yaml: mesh("STRICT"), mode: "STRICT" },
    { rule: "the namespace's before the root's", yaml: mesh("STRICT") + wide("DISABLE"), mode: "DISABLE" },
    {
      rule: "the workload's before the namespace's",
      yaml: wide("DISABLE") + own("mtls: {mode: STRICT}"),
      mode: "STRICT",
    },
    {
      rule: "the port's before the workload's",
      yaml: own("mtls: {mode: STRICT}, portLevelMtls: {8080: {mode: DISABLE}}"),
      mode: "DISABLE",
    },
    {
      rule: "another port's does not count",
      yaml: own("mtls: {mode: STRICT}, portLevelMtls: {9090: {mode: DISABLE}}"),
      mode: "STRICT",
    },
    { rule: "UNSET inherits from the root", yaml: mesh("STRICT") + wide("UNSET"), mode: "STRICT" },
    {
      rule: "a workload without mtls inherits from the namespace",
      yaml: wide("STRICT") + own("mtls: {}"),
      mode: "STRICT",
    },
    {
      rule: "a port's UNSET inherits from the workload",
      yaml: own("mtls: {mode: STRICT}, portLevelMtls: {8080: {mode: UNSET}}"),
      mode: "STRICT",
    },
    {
      rule: "the oldest of a namespace's",
      yaml:
        pa("name: a, namespace: prod, creationTimestamp: '2026-01-02T00:00:00Z'", "mtls: {mode: DISABLE}") +
        pa("name: b, namespace: prod, creationTimestamp: '2026-01-01T00:00:00Z'", "mtls: {mode: STRICT}"),
      mode: "STRICT",
    },
    {
      rule: "the oldest of a workload's",
      yaml:
        pa(
          "name: a, namespace: prod, creationTimestamp: '2026-01-02T00:00:00Z'",
          "selector: {matchLabels: {app: payment}}, mtls: {mode: DISABLE}",
        ) +
        pa(
          "name: b, namespace: prod, creationTimestamp: '2026-01-01T00:00:00Z'",
          "selector: {matchLabels: {app: payment}}, mtls: {mode: STRICT}",
        ),
      mode: "STRICT",
    },
    {
      rule: "a selector that does not fit does not count",
      yaml: pa("name: x, namespace: prod", "selector: {matchLabels: {app: other}}, mtls: {mode: STRICT}"),
      mode: "PERMISSIVE",
    },
    {
      rule: "an empty selector is the namespace's",
      yaml: pa("name: x, namespace: prod", "selector: {matchLabels: {}}, mtls: {mode: STRICT}"),
      mode: "STRICT",
    },
    {
      rule: "another namespace's does not count",
      yaml: pa("name: x, namespace: other", "mtls: {mode: STRICT}"),
      mode: "PERMISSIVE",
    },
    {
      rule: "a selector in the root namespace is ignored, even for workloads there",
      yaml: pa(
        `name: x, namespace: ${root}`,
        "selector: {matchLabels: {app: payment}}, mtls: {mode: STRICT}",
      ),
      namespace: root,
      mode: "PERMISSIVE",
    },
    {
      rule: "the root namespace's own workloads have the mesh's",
      yaml: mesh("STRICT"),
      namespace: root,
      mode: "STRICT",
    },
  ];
  it.each(cases)("is $rule", ({ yaml, namespace, mode }) => {
    expect(modeOfPort(modes(yaml, namespace), 8080)).toBe(mode);
  });

  it("falls back to what the installation says", () => {
    expect(modes("", "prod", "STRICT").mode).toBe("STRICT");
  });

  it("names the policies that had a say", () => {
    const { policies } = modes(mesh("STRICT") + wide("UNSET") + own("mtls: {}"));
    expect(policies.map(({ metadata }) => metadata.name)).toEqual(["own", "default", "default"]);
  });
});
