import { describe, expect, it } from "vitest";
import type { LocalityPolicy } from "../../crds/service-config.ts";
import { fakeEndpoint } from "./candidate.fake.ts";
import { arrange, covers, type Place } from "./locality.ts";

const policy = (fields: Partial<LocalityPolicy> = {}): LocalityPolicy => ({
  enabled: true,
  distribute: [],
  failover: [],
  failoverPriority: [],
  ...fields,
});
const place = (fields: Partial<Place> = {}): Place => ({
  locality: "eu/a/1",
  labels: {},
  node: undefined,
  ...fields,
});
const at = (...localities: (string | undefined)[]) =>
  localities.map((locality) => fakeEndpoint(locality ?? "unknown", { locality }));
const names = ({ sets }: { sets: readonly (readonly { name: string }[])[] }) =>
  sets.map((set) => set.map(({ name }) => name));

describe("locality failover", () => {
  const everywhere = at("us/x/9", "eu/a/1", "eu/b/1", "eu/a/2", "asia/y", undefined);

  it("prefers subzone, zone, region, then the rest", () => {
    expect(names(arrange(policy(), place(), everywhere))).toEqual([
      ["eu/a/1"],
      ["eu/a/2"],
      ["eu/b/1"],
      ["us/x/9", "asia/y", "unknown"],
    ]);
  });

  it("prefers the region that a rule names as the substitute of the client's", () => {
    const failover = [
      { from: "us", to: "asia" },
      { from: "eu", to: "us" },
    ];
    expect(names(arrange(policy({ failover }), place(), everywhere)).slice(3)).toEqual([
      ["us/x/9"],
      ["asia/y", "unknown"],
    ]);
  });

  it("takes a region as one where its zones are balanced among themselves, below labels", () => {
    const zoneAware = { minClusterSize: 6 };
    expect(names(arrange(policy({ zoneAware }), place(), everywhere))).toEqual([
      ["eu/a/1", "eu/b/1", "eu/a/2"],
      ["us/x/9", "asia/y", "unknown"],
    ]);
    const failover = [{ from: "eu", to: "asia" }];
    expect(names(arrange(policy({ zoneAware, failover }), place(), everywhere)).slice(1)).toEqual([
      ["asia/y"],
      ["us/x/9", "unknown"],
    ]);
    const both = [
      fakeEndpoint("other", { locality: "eu/a", labels: { tier: "b" } }),
      fakeEndpoint("far", { locality: "us/x", labels: { tier: "a" } }),
      fakeEndpoint("near", { locality: "eu/b", labels: { tier: "a" } }),
    ];
    const labelled = policy({ zoneAware, failoverPriority: ["tier=a"] });
    expect(names(arrange(labelled, place(), both))).toEqual([["near"], ["far"], ["other"]]);
  });

  it("leaves no gap for localities that nobody is in", () => {
    expect(names(arrange(policy(), place(), at("us/x", "eu/a/2")))).toEqual([["eu/a/2"], ["us/x"]]);
  });

  it.each([
    ["no policy", undefined, place()],
    ["a policy that is off", policy({ enabled: false }), place()],
    ["a client that does not know where it is", policy(), place({ locality: undefined })],
  ])("plays no part with %s", (_, given, where) => {
    expect(arrange(given, where, everywhere)).toEqual({ sets: [everywhere], shares: undefined });
  });

  it("has no set without endpoints", () => {
    expect(arrange(policy(), place(), []).sets).toEqual([]);
    expect(arrange(undefined, place(), []).sets).toEqual([]);
  });
});

describe("failover by labels", () => {
  const endpoint = (name: string, labels: Record<string, string>, locality?: string, node?: string) =>
    fakeEndpoint(name, { labels, locality, node });

  it("prefers endpoints that share more labels with the client, from the first on", () => {
    const endpoints = [
      endpoint("none", { tier: "b", rack: "1" }),
      endpoint("both", { tier: "a", rack: "1" }),
      endpoint("first", { tier: "a", rack: "2" }),
    ];
    const given = policy({ failoverPriority: ["tier", "rack"] });
    expect(names(arrange(given, place({ labels: { tier: "a", rack: "1" } }), endpoints))).toEqual([
      ["both"],
      ["first"],
      ["none"],
    ]);
  });

  it("counts localities among those that share as many, where a rule says how", () => {
    const endpoints = [
      endpoint("other, near", { tier: "b" }, "eu/a/1"),
      endpoint("same, far", { tier: "a" }, "us/x"),
      endpoint("same, near", { tier: "a" }, "eu/a/1"),
    ];
    const client = place({ labels: { tier: "a" } });
    const labels = policy({ failoverPriority: ["tier"] });
    expect(names(arrange(labels, client, endpoints))).toEqual([["same, far", "same, near"], ["other, near"]]);
    const both = { ...labels, failover: [{ from: "eu", to: "us" }] };
    expect(names(arrange(both, client, endpoints))).toEqual([["same, near"], ["same, far"], ["other, near"]]);
  });

  it("takes a value in place of the client's own", () => {
    const endpoints = [endpoint("v1", { version: "v1" }), endpoint("v2", { version: "v2" })];
    const given = policy({ failoverPriority: ["version=v2"] });
    expect(names(arrange(given, place({ labels: { version: "v1" } }), endpoints))).toEqual([["v2"], ["v1"]]);
  });

  it("knows the labels of nodes from where the endpoints are", () => {
    const given = policy({
      failoverPriority: ["kubernetes.io/hostname", "topology.kubernetes.io/zone"],
    });
    const endpoints = [
      endpoint("elsewhere", {}, "eu/b", "n3"),
      endpoint("node", {}, "eu/a", "n1"),
      endpoint("zone", {}, "eu/a", "n2"),
    ];
    const zone = policy({ failoverPriority: ["topology.kubernetes.io/zone"] });
    expect(names(arrange(given, place({ node: "n1" }), endpoints))).toEqual([
      ["node"],
      ["elsewhere", "zone"],
    ]);
    expect(names(arrange(zone, place(), endpoints))).toEqual([["node", "zone"], ["elsewhere"]]);
  });
});

describe("shares by locality", () => {
  const rules = [
    { from: "eu/*", to: { "eu/*": 10, "us/*": 90 } },
    { from: "eu/a/*", to: { "eu/a/*": 70, "eu/b/*": 20, "us/x/*": 10, "asia/*": 0 } },
  ];

  it("are those of the most specific rule for the client; localities not named get nothing", () => {
    const arranged = arrange(
      policy({ distribute: rules }),
      place(),
      at("eu/b/1", "eu/a/1", "us/x", "eu/a/2", "us/y", "asia", undefined),
    );
    expect(names(arranged)).toEqual([["eu/a/1", "eu/a/2"], ["eu/b/1"], ["us/x"]]);
    expect(arranged.shares).toEqual([70, 20, 10]);
  });

  it("leave out localities that nobody is in", () => {
    const arranged = arrange(policy({ distribute: rules }), place(), at("us/x"));
    expect([names(arranged), arranged.shares]).toEqual([[["us/x"]], [10]]);
  });

  it("put an endpoint where it is named most closely", () => {
    const distribute = [{ from: "*", to: { "eu/*": 50, "eu/a/*": 50 } }];
    const arranged = arrange(policy({ distribute }), place(), at("eu/a/1", "eu/b/1"));
    expect(names(arranged)).toEqual([["eu/a/1"], ["eu/b/1"]]);
  });

  it("play no part for a client that no rule is for", () => {
    const arranged = arrange(policy({ distribute: rules }), place({ locality: "us/x" }), at("eu/a", "us/x"));
    expect(arranged).toMatchObject({ sets: [{ length: 2 }], shares: undefined });
  });
});

describe("a locality pattern", () => {
  it.each([
    ["*", "eu/a/1", true],
    ["eu", "eu/a/1", true],
    ["eu/*", "eu/a/1", true],
    ["eu/a/*", "eu/a", true],
    ["eu/a/1", "eu/a/1", true],
    ["eu/a/1", "eu/a/2", false],
    ["eu/b/*", "eu/a/1", false],
    ["e", "eu", false],
    ["eu/a", "eu", false],
  ])("%s covers %s: %s", (pattern, locality, expected) => {
    expect(covers(pattern, locality)).toBe(expected);
  });
});
