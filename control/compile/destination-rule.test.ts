import { describe, expect, it } from "vitest";
import { type Manifest, objects } from "./cluster.fake.ts";
import { selectDestinationRule, selectedRules } from "./destination-rule.ts";
import type { DestinationRule } from "./inputs.ts";

const lookup = {
  host: "reviews.prod.svc.cluster.local",
  serviceNamespace: "prod",
  rootNamespace: "istio-system",
  clusterDomain: "cluster.local",
};

/** `name.namespace` of the rules that make up what a client calls by, in order. */
function selected(yaml: string, client: string): string[] {
  const rules = objects(yaml) as (Manifest & DestinationRule)[];
  const names = [rules, [...rules].reverse()].map((list) =>
    (selectDestinationRule(list, client, lookup)?.rules ?? []).map(
      ({ metadata }) => `${metadata.name}.${metadata.namespace}`,
    ),
  );
  expect(names[0]).toEqual(names[1]);
  return names[0] ?? [];
}

const dr = (meta: string, spec: string) => `---
kind: DestinationRule
metadata: {${meta}}
spec: {${spec}}
`;
const full = `host: ${lookup.host}`;
const tls = "trafficPolicy: {tls: {mode: DISABLE}}";

describe("the rule for a client", () => {
  const own = dr("name: own, namespace: client", full);
  const service = dr("name: svc, namespace: prod", "host: reviews");
  const root = dr("name: root, namespace: istio-system", "host: '*.local'");
  const cases: { rule: string; yaml: string; client: string; found: string[] }[] = [
    {
      rule: "is of the client's namespace first",
      yaml: own + service + root,
      client: "client",
      found: ["own.client"],
    },
    { rule: "then of the service's", yaml: own + service + root, client: "other", found: ["svc.prod"] },
    { rule: "then of the root namespace", yaml: own + root, client: "other", found: ["root.istio-system"] },
    {
      rule: "in the client's namespace is any rule, even a wildcard, before the service's exact one",
      yaml: dr("name: wild, namespace: client", "host: '*.prod.svc.cluster.local'") + service,
      client: "client",
      found: ["wild.client"],
    },
    {
      rule: "is the most specific in one namespace",
      yaml: dr("name: wild, namespace: prod", "host: '*.prod.svc.cluster.local'") + service,
      client: "other",
      found: ["svc.prod"],
    },
    {
      rule: "of a short host is about a service of the rule's namespace",
      yaml: dr("name: short, namespace: client", "host: reviews"),
      client: "client",
      found: [],
    },
    {
      rule: "in the service's namespace must be exported",
      yaml: dr("name: svc, namespace: prod", "host: reviews, exportTo: ['.']") + root,
      client: "other",
      found: ["root.istio-system"],
    },
    {
      rule: "private to the service's namespace holds for clients there",
      yaml: dr("name: svc, namespace: prod", "host: reviews, exportTo: ['.']") + root,
      client: "prod",
      found: ["svc.prod"],
    },
    {
      rule: "exported to another namespace by name holds there alone",
      yaml: dr("name: svc, namespace: prod", "host: reviews, exportTo: [friend]") + root,
      client: "friend",
      found: ["svc.prod"],
    },
    {
      rule: "that is most specific but not for this client gives way to the root namespace, not to a wildcard beside it",
      yaml:
        dr("name: svc, namespace: prod", "host: reviews, exportTo: [friend]") +
        dr("name: wild, namespace: prod", "host: '*.prod.svc.cluster.local'") +
        root,
      client: "other",
      found: ["root.istio-system"],
    },
    {
      rule: "for clients in the root namespace is the service's before the root's public one",
      yaml: service + root,
      client: "istio-system",
      found: ["svc.prod"],
    },
    {
      rule: "private to the root namespace holds for clients there",
      yaml: service + dr("name: root, namespace: istio-system", "host: '*.local', exportTo: ['.']"),
      client: "istio-system",
      found: ["root.istio-system"],
    },
    {
      rule: "with a workloadSelector is not for clients in general",
      yaml:
        dr("name: some, namespace: prod", "host: reviews, workloadSelector: {matchLabels: {app: a}}") + root,
      client: "other",
      found: ["root.istio-system"],
    },
  ];
  it.each(cases)("$rule", ({ yaml, client, found }) => {
    expect(selected(yaml, client)).toEqual(found);
  });
});

describe("several rules of one host", () => {
  const merged = (yaml: string) =>
    selectDestinationRule(objects(yaml) as (Manifest & DestinationRule)[], "other", lookup);
  const at = (name: string, day: number, spec: string) =>
    dr(
      `name: ${name}, namespace: prod, creationTimestamp: '2026-01-0${day}T00:00:00Z'`,
      `host: reviews, ${spec}`,
    );

  it("put their subsets together, oldest first, of one name the oldest", () => {
    const rule = merged(
      at("young", 2, "subsets: [{name: v2, labels: {version: young}}, {name: v3}]") +
        at("old", 1, "subsets: [{name: v1}, {name: v2, labels: {version: old}}]"),
    );
    expect(rule?.subsets).toEqual([
      { name: "v1" },
      { name: "v2", labels: { version: "old" } },
      { name: "v3" },
    ]);
  });

  it("take the traffic policy of the oldest that has one", () => {
    const rule = merged(
      at("first", 1, "subsets: []") +
        at("second", 2, tls) +
        at("third", 3, "trafficPolicy: {tls: {mode: SIMPLE}}"),
    );
    expect(rule?.trafficPolicy).toEqual({ tls: { mode: "DISABLE" } });
    expect(rule?.rules.map(({ metadata }) => metadata.name)).toEqual(["first", "second", "third"]);
  });

  it("stay apart when they differ in exportTo, and the youngest group holds", () => {
    const rule = merged(at("old", 1, tls) + at("young", 2, "exportTo: [other, more], subsets: [{name: v1}]"));
    expect(rule?.rules.map(({ metadata }) => metadata.name)).toEqual(["young"]);
    expect(rule).not.toHaveProperty("trafficPolicy");
  });
});

describe("a rule with a workloadSelector", () => {
  const some = (name: string, selector: string, host = "reviews.prod.svc.cluster.local", more = "") =>
    dr(
      `name: ${name}, namespace: shop, ${more}`,
      `host: '${host}', workloadSelector: {matchLabels: ${selector}}`,
    );
  const selected = (yaml: string, client = "shop") =>
    selectedRules(objects(yaml) as (Manifest & DestinationRule)[], client, lookup).map(({ labels, rule }) => [
      labels,
      rule.rules.map(({ metadata }) => metadata.name),
    ]);

  it("is for the workloads in its own namespace that it selects", () => {
    const yaml = some("web", "{app: web}");
    expect(selected(yaml)).toEqual([[{ app: "web" }, ["web"]]]);
    expect(selected(yaml, "prod")).toEqual([]);
    expect(selected(yaml, "istio-system")).toEqual([]);
  });

  it("comes oldest first; those of one selector are one", () => {
    const made = (day: number) => `creationTimestamp: '2026-01-0${day}T00:00:00Z'`;
    const yaml =
      some("late", "{app: web}", undefined, made(3)) +
      some("other", "{app: web, tier: a}", undefined, made(2)) +
      some("early", "{app: web}", undefined, made(1));
    expect(selected(yaml)).toEqual([
      [{ app: "web" }, ["early", "late"]],
      [{ app: "web", tier: "a" }, ["other"]],
    ]);
  });

  it("gives way to a more specific host of its namespace", () => {
    const wild = some("wild", "{app: web}", "*.prod.svc.cluster.local");
    const exact = dr("name: exact, namespace: shop", "host: reviews.prod.svc.cluster.local");
    expect(selected(wild)).toHaveLength(1);
    expect(selected(wild + exact)).toEqual([]);
  });

  it("selects nobody without labels", () => {
    expect(selected(some("all", "{}"))).toEqual([]);
  });
});
