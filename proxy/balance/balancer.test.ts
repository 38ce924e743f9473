import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { LoadBalancer, LocalityPolicy } from "../../crds/service-config.ts";
import { Balancer, type Health } from "./balancer.ts";
import { type FakeEndpoint, fakeEndpoint, fakeEndpoints, seeded, tally } from "./candidate.fake.ts";
import { hashString } from "./hash.ts";
import type { Place } from "./locality.ts";

const here: Place = { locality: "eu/a", labels: {}, node: undefined };
const near: LocalityPolicy = { enabled: true, distribute: [], failover: [], failoverPriority: [] };
const zone = (name: string, count: number) =>
  Array.from({ length: count }, (_, i) => fakeEndpoint(`${name}-${i}`, { locality: name }));

/** Ejections by hand. */
class FakeHealth implements Health {
  readonly minHealthPercent: number;
  panics = 0;
  #version = 0;

  constructor(minHealthPercent = 0) {
    this.minHealthPercent = minHealthPercent;
  }
  refresh(): number {
    return this.#version;
  }
  panicked(): void {
    this.panics++;
  }
  eject(...endpoints: FakeEndpoint[]): void {
    for (const endpoint of endpoints) endpoint.ejected = true;
    this.#version++;
  }
  readmit(...endpoints: FakeEndpoint[]): void {
    for (const endpoint of endpoints) endpoint.ejected = false;
    this.#version++;
  }
}

function balancer(
  endpoints: readonly FakeEndpoint[],
  policy: Partial<LoadBalancer> = {},
  health?: Health,
  seed = 1,
  former?: Balancer<FakeEndpoint>,
) {
  const sources = {
    policy: { simple: "RANDOM", ...policy } as const,
    endpoints,
    place: here,
    health,
    random: seeded(seed),
  };
  return new Balancer<FakeEndpoint>(sources, former);
}

const picker = (each: Balancer<FakeEndpoint>) => (now: number, exclude?: readonly FakeEndpoint[]) =>
  each.pick(now, exclude);
const zonesOf = (counts: ReadonlyMap<string, number>) => {
  const zones: Record<string, number> = {};
  for (const [name, n] of counts) {
    const at = name.slice(0, name.lastIndexOf("-"));
    zones[at] = (zones[at] ?? 0) + n;
  }
  return zones;
};

describe.each(["ROUND_ROBIN", "LEAST_REQUEST", "RANDOM"] as const)("ejection with %s", (simple) => {
  it("takes an endpoint out of the turn and back in", () => {
    const all = fakeEndpoints(4);
    const [a] = all as [FakeEndpoint];
    const health = new FakeHealth();
    const pick = picker(balancer(all, { simple }, health));
    expect(tally(pick, 400).size).toBe(4);
    health.eject(a);
    expect(tally(pick, 400).has(a.name)).toBe(false);
    health.readmit(a);
    expect(tally(pick, 400).size).toBe(4);
  });

  it("leaves nobody when all are out, unless that is a panic", () => {
    const all = fakeEndpoints(4);
    const calm = new FakeHealth();
    const pick = picker(balancer(all, { simple }, calm));
    calm.eject(...all);
    expect(pick(0)).toBeUndefined();
    const anxious = new FakeHealth(50);
    const panicking = picker(balancer(all, { simple }, anxious));
    expect(tally(panicking, 400).size).toBe(4);
    expect(anxious.panics).toBe(400);
  });

  it("prefers an endpoint that was tried to one that is out", () => {
    const all = fakeEndpoints(2);
    const [a, b] = all as [FakeEndpoint, FakeEndpoint];
    const health = new FakeHealth();
    const pick = picker(balancer(all, { simple }, health));
    health.eject(a);
    expect(pick(0, [b])).toBe(b);
  });
});

describe("localities", () => {
  it("keep traffic near while enough is healthy there, and let it spill as that goes", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 10 }), fc.integer(), (out, seed) => {
        const local = zone("eu/a", 10);
        const remote = zone("eu/b", 10);
        const health = new FakeHealth();
        const pick = picker(balancer([...local, ...remote], { locality: near }, health, seed));
        health.eject(...local.slice(0, out));
        const picks = 4_000;
        const expected = Math.min(((10 - out) / 10) * 1.4, 1);
        const share = (zonesOf(tally(pick, picks))["eu/a"] ?? 0) / picks;
        const slack = 7 * Math.sqrt((expected * (1 - expected)) / picks) + 1e-9;
        expect(Math.abs(share - expected)).toBeLessThanOrEqual(slack);
      }),
    );
  });

  it("get the shares that a rule distributes", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 99 }), fc.integer(), (percent, seed) => {
        const distribute = [{ from: "eu/a", to: { "eu/a/*": percent, "eu/b/*": 100 - percent } }];
        const all = [...zone("eu/a", 1), ...zone("eu/b", 7), ...zone("us/x", 3)];
        const pick = picker(balancer(all, { locality: { ...near, distribute } }, undefined, seed));
        const picks = 4_000;
        const share = (zonesOf(tally(pick, picks))["eu/a"] ?? 0) / picks;
        const expected = percent / 100;
        expect(Math.abs(share - expected)).toBeLessThanOrEqual(
          7 * Math.sqrt((expected * (1 - expected)) / picks),
        );
        expect(zonesOf(tally(pick, 1000))["us/x"]).toBeUndefined();
      }),
    );
  });

  describe("balanced by zones", () => {
    const zoneAware: LocalityPolicy = { ...near, zoneAware: { minClusterSize: 4 } };
    const even = {
      ...here,
      clients: ["eu/a", "eu/b"].map((name) => ({ zone: name, pods: 1 })),
    };
    const sharesOf = (endpoints: FakeEndpoint[], policy: Partial<LoadBalancer> = {}, health?: Health) => {
      const each = new Balancer<FakeEndpoint>({
        policy: { simple: "RANDOM", locality: zoneAware, ...policy },
        endpoints,
        place: even,
        health,
        random: seeded(1),
      });
      return () => zonesOf(tally(picker(each), 4_000));
    };

    it("keep as much as their endpoints' share carries, and leave the rest to the others", () => {
      const shares = sharesOf([...zone("eu/a", 2), ...zone("eu/b", 6), ...zone("us/x", 4)])();
      expect(shares["eu/a"]).toBeGreaterThan(1_800);
      expect(shares["eu/a"]).toBeLessThan(2_200);
      expect(shares["us/x"]).toBeUndefined();
    });

    it("are weighed by who can serve now, and not told apart while too few can", () => {
      const local = zone("eu/a", 3);
      const remote = zone("eu/b", 3);
      const health = new FakeHealth();
      const shares = sharesOf([...local, ...remote], {}, health);
      expect(shares()).toEqual({ "eu/a": 4_000 });
      health.eject(local[0] as FakeEndpoint);
      // Two of five can carry four fifths of what half of the clients ask.
      expect(shares()["eu/a"]).toBeGreaterThan(3_000);
      expect(shares()["eu/b"]).toBeGreaterThan(600);
      health.eject(remote[0] as FakeEndpoint, remote[1] as FakeEndpoint);
      const few = shares();
      expect((few["eu/a"] ?? 0) / (few["eu/b"] ?? 1)).toBeCloseTo(2, 0);
    });

    it("are left for another region only as far as the region fails", () => {
      const near = [...zone("eu/a", 4), ...zone("eu/b", 4)];
      const health = new FakeHealth();
      const shares = sharesOf([...near, ...zone("us/x", 4)], {}, health);
      expect(shares()).toEqual({ "eu/a": 4_000 });
      health.eject(...near.filter((_, i) => i % 2 === 0));
      const half = shares();
      expect(half["us/x"]).toBeGreaterThan(1_000);
      expect(half["us/x"]).toBeLessThan(1_400);
      expect(half["eu/b"]).toBeUndefined();
    });

    it("play no part for keys of a consistent hash", () => {
      const all = [...zone("eu/a", 4), ...zone("eu/b", 4)];
      const consistentHash = { algorithm: "RING_HASH", size: 1024 } as const;
      expect(Object.keys(sharesOf(all, { consistentHash })()).sort()).toEqual(["eu/a", "eu/b"]);
    });

    it("give a retry another endpoint of the zone, and of the region before others", () => {
      const all = [...zone("eu/a", 2), ...zone("eu/b", 2), ...zone("us/x", 2)];
      const [a0, a1, b0, b1] = all as [FakeEndpoint, FakeEndpoint, FakeEndpoint, FakeEndpoint];
      const each = new Balancer<FakeEndpoint>({
        policy: { simple: "RANDOM", locality: zoneAware },
        endpoints: all,
        place: even,
        health: undefined,
        random: seeded(1),
      });
      expect(each.pick(0, [a0])).toBe(a1);
      expect(each.pick(0, [a0], undefined, true)?.locality).toBe("eu/b");
      expect(each.pick(0, [a0, a1])?.locality).toBe("eu/b");
      expect(each.pick(0, [a0, a1, b0, b1])?.locality).toBe("us/x");
    });
  });

  it("are left by a retry when nobody else is near, and at once when it prefers others", () => {
    const [local, other] = zone("eu/a", 2) as [FakeEndpoint, FakeEndpoint];
    const remote = zone("eu/b", 1);
    const each = balancer([local, other, ...remote], { locality: near });
    expect(each.pick(0, [local])).toBe(other);
    expect(each.pick(0, [local], undefined, true)).toBe(remote[0]);
    expect(each.pick(0, [local, other])).toBe(remote[0]);
    expect(each.pick(0, [local, other, ...remote])).toBe(local);
  });

  it("give a key the same one of them, and the same endpoint there", () => {
    const all = [...zone("eu/a", 4), ...zone("eu/b", 4)];
    const distribute = [{ from: "*", to: { "eu/a/*": 50, "eu/b/*": 50 } }];
    const policy = {
      consistentHash: { algorithm: "RING_HASH", size: 1024 } as const,
      locality: { ...near, distribute },
    };
    const keys = Array.from({ length: 500 }, (_, i) => hashString(`key-${i}`));
    const picks = (seed: number) => {
      const each = balancer(all, policy, undefined, seed);
      return keys.map((key) => each.pick(0, undefined, key)?.name);
    };
    expect(picks(1)).toEqual(picks(2));
    expect(new Set(picks(1)).size).toBe(8);
  });
});

describe("slow start", () => {
  const warmup = { durationMs: 10_000, minimumPercent: 10, aggression: 1 };
  const policy = { simple: "ROUND_ROBIN", warmup } as const;

  it("is for endpoints that come later, not for those that a proxy learns first", () => {
    const all = fakeEndpoints(3);
    const fresh = fakeEndpoint("fresh");
    const first = balancer(all, policy);
    expect(first.pick(1_000)).toBeDefined();
    expect(all.every(({ addedAt }) => addedAt === Number.NEGATIVE_INFINITY)).toBe(true);
    // A change that nobody has asked yet is no reason to forget who came first.
    const between = balancer(all, policy, undefined, 1, first);
    const second = balancer([...all, fresh], policy, undefined, 1, between);
    const pick = picker(second);
    expect(tally(pick, 310, 60_000).get("fresh")).toBeLessThanOrEqual(12);
    expect(fresh.addedAt).toBe(60_000);
    expect(tally(pick, 400, 70_000).get("fresh")).toBe(100);
  });
});
