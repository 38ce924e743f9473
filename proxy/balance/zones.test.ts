import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { LocalityPolicy } from "../../crds/service-config.ts";
import { fakeEndpoint } from "./candidate.fake.ts";
import type { Place } from "./locality.ts";
import { zoneShares, zonesOf } from "./zones.ts";

const policy: LocalityPolicy = {
  enabled: true,
  distribute: [],
  failover: [],
  failoverPriority: [],
  zoneAware: { minClusterSize: 1 },
};

/** Counts by zone: the client is in the zone `own`. */
type Counts = Readonly<Record<string, number>>;

function placeIn(own: string, clients: Counts | undefined): Place {
  const counts = clients && Object.entries(clients).map(([zone, pods]) => ({ zone, pods }));
  return {
    locality: `${own}/rack`,
    labels: {},
    node: undefined,
    clients: counts?.filter(({ pods }) => pods > 0),
  };
}

const endpointsOf = (counts: Counts) =>
  Object.entries(counts).flatMap(([zone, count]) =>
    Array.from({ length: count }, (_, i) => fakeEndpoint(`${zone}-${i}`, { locality: `${zone}/${i}` })),
  );

/** Where the requests of a client go, by zone; undefined when zones play no part. */
function sharesOf(own: string, clients: Counts | undefined, counts: Counts, minimum = 1) {
  const zones = zonesOf(policy, placeIn(own, clients), endpointsOf(counts));
  const shares =
    zones &&
    zoneShares(
      zones.map(({ endpoints, clientShare }) => ({ usable: endpoints.length, clientShare })),
      minimum,
    );
  if (zones === undefined || shares === undefined) return undefined;
  const names = [own, ...Object.keys(counts).filter((zone) => zone !== own && counts[zone] !== 0)];
  return Object.fromEntries(names.map((name, i) => [name, shares[i] ?? 0]));
}

describe("requests of a client", () => {
  const even = { "eu/a": 2, "eu/b": 2 };

  it.each([
    {
      what: "all stay where endpoints are as dense as clients",
      counts: { "eu/a": 3, "eu/b": 3 },
      goes: [1, 0],
    },
    { what: "all stay where there are more endpoints", counts: { "eu/a": 5, "eu/b": 1 }, goes: [1, 0] },
    { what: "stay as far as the endpoints go", counts: { "eu/a": 1, "eu/b": 3 }, goes: [0.5, 0.5] },
    {
      what: "all leave a zone without endpoints",
      counts: { "eu/a": 0, "eu/b": 3, "eu/c": 3 },
      goes: [0, 0, 1],
    },
  ])("$what", ({ counts, goes }) => {
    const shares = sharesOf("eu/a", even, counts);
    expect(Object.values(shares ?? {})).toEqual(goes.map((share) => expect.closeTo(share, 10)));
  });

  it("go to zones that have more than their own clients need, by how much more that is", () => {
    const clients = { "eu/a": 6, "eu/b": 2, "eu/c": 2 };
    const shares = sharesOf("eu/a", clients, { "eu/a": 2, "eu/b": 3, "eu/c": 5 });
    expect(shares).toEqual({
      "eu/a": expect.closeTo(1 / 3, 10),
      "eu/b": expect.closeTo((2 / 3) * 0.25, 10),
      "eu/c": expect.closeTo((2 / 3) * 0.75, 10),
    });
  });

  it("do not look at clients of other regions, who have endpoints of their own", () => {
    const clients = { "eu/a": 1, "eu/b": 3, "us/x": 100 };
    expect(sharesOf("eu/a", clients, { "eu/a": 1, "eu/b": 3 })).toEqual({ "eu/a": 1, "eu/b": 0 });
  });

  it("bring every zone just its endpoints' share of the load, when all clients ask alike", () => {
    const zones = ["eu/a", "eu/b", "eu/c", "eu/d"];
    const counts = fc.record(Object.fromEntries(zones.map((zone) => [zone, fc.nat(20)])));
    fc.assert(
      fc.property(counts, counts, (clients, endpoints) => {
        const total = Object.values(endpoints).reduce((sum, each) => sum + each, 0);
        const all = Object.values(clients).reduce((sum, each) => sum + each, 0);
        fc.pre(zones.filter((zone) => (endpoints[zone] ?? 0) > 0).length > 1 && all > 0);
        const load: Record<string, number> = {};
        for (const [from, count] of Object.entries(clients)) {
          if (count === 0) continue;
          const shares = sharesOf(from, clients, endpoints);
          const sum = Object.values(shares ?? {}).reduce((added, share) => added + share, 0);
          expect(sum).toBeCloseTo(1, 9);
          for (const [zone, share] of Object.entries(shares ?? {}))
            load[zone] = (load[zone] ?? 0) + (count / all) * share;
        }
        for (const zone of zones) expect(load[zone] ?? 0).toBeCloseTo((endpoints[zone] ?? 0) / total, 9);
      }),
    );
  });
});

describe("zones play no part", () => {
  const even = { "eu/a": 1, "eu/b": 1 };
  const counts = { "eu/a": 2, "eu/b": 3 };

  it.each([
    ["with fewer endpoints than they are to be told apart from", sharesOf("eu/a", even, counts, 6)],
    ["where only one zone has endpoints", sharesOf("eu/a", even, { "eu/a": 5 })],
    ["where only another zone has endpoints", sharesOf("eu/a", even, { "eu/b": 5 })],
    ["for a client that was not told where its like are", sharesOf("eu/a", undefined, counts)],
    ["for a client in a zone where none of its like is said to be", sharesOf("eu/c", even, counts)],
  ])("%s", (_, shares) => {
    expect(shares).toBeUndefined();
  });

  it("for a client that does not know where it is, or by another policy", () => {
    const place = placeIn("eu/a", even);
    expect(zonesOf(policy, { ...place, locality: undefined }, endpointsOf(counts))).toBeUndefined();
    expect(zonesOf({ ...policy, enabled: false }, place, endpointsOf(counts))).toBeUndefined();
    const { zoneAware: _, ...others } = policy;
    expect(zonesOf(others, place, endpointsOf(counts))).toBeUndefined();
    expect(zonesOf(undefined, place, endpointsOf(counts))).toBeUndefined();
  });
});
