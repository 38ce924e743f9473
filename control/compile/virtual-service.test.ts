import { describe, expect, it } from "vitest";
import { type Manifest, objects } from "./cluster.fake.ts";
import type { VirtualService } from "./inputs.ts";
import { claimsOn, selectVirtualService } from "./virtual-service.ts";

const host = "reviews.prod.svc.cluster.local";

/** `name.namespace` of the VirtualService that decides for a client. */
function winner(yaml: string, client: string, of = host): string | undefined {
  const all = objects(yaml) as (Manifest & VirtualService)[];
  const permutations = [all, [...all].reverse()];
  const found = permutations.map((list) => {
    const selected = selectVirtualService(claimsOn(of, list, "cluster.local"), client);
    return selected && `${selected.metadata.name}.${selected.metadata.namespace}`;
  });
  expect(found[0]).toBe(found[1]);
  return found[0];
}

const vs = (meta: string, spec: string) => `---
kind: VirtualService
metadata: {${meta}}
spec: {${spec}}
`;

describe("of several VirtualServices for one host", () => {
  const cases: { rule: string; yaml: string; client: string; wins: string | undefined }[] = [
    {
      rule: "the oldest wins",
      yaml:
        vs("name: a, namespace: prod, creationTimestamp: '2026-01-02T00:00:00Z'", "hosts: [reviews]") +
        vs("name: b, namespace: prod, creationTimestamp: '2026-01-01T00:00:00Z'", "hosts: [reviews]"),
      client: "other",
      wins: "b.prod",
    },
    {
      rule: "of one age the name decides, then the namespace",
      yaml:
        vs("name: b, namespace: a", `hosts: [${host}]`) +
        vs("name: a, namespace: z", `hosts: [${host}]`) +
        vs("name: a, namespace: prod", "hosts: [reviews]"),
      client: "other",
      wins: "a.prod",
    },
    {
      rule: "an exact host beats an older wildcard",
      yaml:
        vs(
          "name: old, namespace: prod, creationTimestamp: '2026-01-01T00:00:00Z'",
          "hosts: ['*.prod.svc.cluster.local']",
        ) + vs("name: new, namespace: prod, creationTimestamp: '2026-01-02T00:00:00Z'", "hosts: [reviews]"),
      client: "other",
      wins: "new.prod",
    },
    {
      rule: "the longer wildcard beats the shorter",
      yaml:
        vs("name: a, namespace: prod", "hosts: ['*.local']") +
        vs("name: b, namespace: prod", "hosts: ['*.prod.svc.cluster.local']"),
      client: "other",
      wins: "b.prod",
    },
    {
      rule: "a list of gateways without mesh is for gateways",
      yaml: vs("name: a, namespace: prod", "hosts: [reviews], gateways: [ingress]"),
      client: "other",
      wins: undefined,
    },
    {
      rule: "a list of gateways with mesh is for sidecars, too",
      yaml: vs("name: a, namespace: prod", "hosts: [reviews], gateways: [ingress, mesh]"),
      client: "other",
      wins: "a.prod",
    },
    {
      rule: "a short host is of the rule's namespace, not of the client's",
      yaml: vs("name: a, namespace: other", "hosts: [reviews]"),
      client: "prod",
      wins: undefined,
    },
    {
      rule: "without hosts it is a delegate and claims none",
      yaml: vs("name: a, namespace: prod", "http: []"),
      client: "other",
      wins: undefined,
    },
    {
      rule: "one that is not exported to the client does not count",
      yaml: vs("name: a, namespace: prod", "hosts: [reviews], exportTo: ['.']"),
      client: "other",
      wins: undefined,
    },
    {
      rule: "exportTo names namespaces",
      yaml: vs("name: a, namespace: prod", "hosts: [reviews], exportTo: ['.', other]"),
      client: "other",
      wins: "a.prod",
    },
    {
      rule: "the client's own private one goes before an older public one",
      yaml:
        vs("name: pub, namespace: prod, creationTimestamp: '2026-01-01T00:00:00Z'", "hosts: [reviews]") +
        vs(
          "name: own, namespace: other, creationTimestamp: '2026-01-02T00:00:00Z'",
          `hosts: [${host}], exportTo: ['.']`,
        ),
      client: "other",
      wins: "own.other",
    },
    {
      rule: "private before exported by name before public",
      yaml:
        vs("name: a-pub, namespace: prod", "hosts: [reviews]") +
        vs("name: b-named, namespace: prod", "hosts: [reviews], exportTo: [other, more]") +
        vs("name: c-own, namespace: other", `hosts: [${host}], exportTo: [other]`),
      client: "other",
      wins: "c-own.other",
    },
    {
      rule: "exported by name before public",
      yaml:
        vs("name: a-pub, namespace: prod", "hosts: [reviews]") +
        vs("name: b-named, namespace: prod", "hosts: [reviews], exportTo: [more, third]"),
      client: "more",
      wins: "b-named.prod",
    },
    {
      rule: "an invisible exact host leaves the wildcard",
      yaml:
        vs("name: exact, namespace: prod", "hosts: [reviews], exportTo: ['.']") +
        vs("name: wild, namespace: prod", "hosts: ['*.prod.svc.cluster.local']"),
      client: "other",
      wins: "wild.prod",
    },
  ];
  it.each(cases)("$rule", ({ yaml, client, wins }) => {
    expect(winner(yaml, client)).toBe(wins);
  });

  it("one may win for one of its hosts and lose for another", () => {
    const yaml =
      vs("name: a, namespace: prod, creationTimestamp: '2026-01-02T00:00:00Z'", "hosts: [reviews, ratings]") +
      vs("name: b, namespace: prod, creationTimestamp: '2026-01-01T00:00:00Z'", "hosts: [reviews]");
    expect(winner(yaml, "x")).toBe("b.prod");
    expect(winner(yaml, "x", "ratings.prod.svc.cluster.local")).toBe("a.prod");
  });
});
