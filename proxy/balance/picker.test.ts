import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { LoadBalancer } from "../../crds/service-config.ts";
import { type FakeEndpoint, fakeEndpoint, fakeEndpoints, seeded, tally, weighted } from "./candidate.fake.ts";
import type { Picker, Random } from "./candidate.ts";
import { simpleAlgorithm } from "./picker.ts";

const algorithms = ["ROUND_ROBIN", "LEAST_REQUEST", "RANDOM", "PASSTHROUGH"] as const;
type Simple = (typeof algorithms)[number];

function pickerOf(
  simple: Simple,
  endpoints: readonly FakeEndpoint[],
  uniform: Random,
  warmup?: LoadBalancer["warmup"],
): Picker<FakeEndpoint> {
  const policy = warmup === undefined ? { simple } : { simple, warmup };
  return simpleAlgorithm<FakeEndpoint>(policy, uniform)(endpoints, endpoints);
}

describe.each(algorithms)("%s", (simple) => {
  it("has nothing to pick from no endpoints", () => {
    expect(pickerOf(simple, [], seeded(1))(0)).toBeUndefined();
  });

  it("gives idle endpoints their weights' share", () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: 10 }), { minLength: 1, maxLength: 6 }),
        fc.integer(),
        (weights, seed) => {
          const all = weighted(...weights);
          const picks = 4_000;
          const counts = tally(pickerOf(simple, all, seeded(seed)), picks);
          const total = weights.reduce((sum, weight) => sum + weight, 0);
          for (const { name, weight } of all) {
            const share = weight / total;
            // Seven standard deviations of the binomial, and one turn for round robin.
            const slack = 7 * Math.sqrt(picks * share * (1 - share)) + 1;
            expect(Math.abs((counts.get(name) ?? 0) - picks * share)).toBeLessThanOrEqual(slack);
          }
        },
      ),
      { numRuns: 100 },
    );
  });

  it("never picks an excluded endpoint while another is there, and one of them when none is", () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.integer({ min: 1, max: 100 }), fc.nat(20), fc.boolean()), {
          minLength: 1,
          maxLength: 12,
        }),
        fc.integer(),
        (specs, seed) => {
          const all = specs.map(([weight, active], i) => fakeEndpoint(String(i), { weight, active }));
          const exclude = all.filter((_, i) => specs[i]?.[2]);
          const pick = pickerOf(simple, all, seeded(seed));
          for (let i = 0; i < 20; i++) {
            const picked = pick(0, exclude);
            expect(picked).toBeDefined();
            if (exclude.length < all.length && picked !== undefined) expect(exclude).not.toContain(picked);
          }
        },
      ),
    );
  });
});

describe("round robin", () => {
  it("spreads a heavy endpoint's turns", () => {
    const pick = pickerOf("ROUND_ROBIN", weighted(5, 1, 1), () => 0.5);
    expect(Array.from({ length: 14 }, () => pick(0)?.name).join("")).toBe("aaabcaaaaabcaa");
  });

  it("visits every endpoint of equal weight once a turn, beginning anywhere", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 50 }), fc.integer(), (size, seed) => {
        const counts = tally(pickerOf("ROUND_ROBIN", fakeEndpoints(size), seeded(seed)), size * 3);
        expect([...counts.values()].every((n) => n === 3)).toBe(true);
        expect(counts.size).toBe(size);
      }),
    );
  });

  it("is within two turns of every weight's share at any moment", () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1, maxLength: 20 }),
        fc.integer({ min: 1, max: 500 }),
        fc.integer(),
        (weights, picks, seed) => {
          const all = weighted(...weights);
          const counts = tally(pickerOf("ROUND_ROBIN", all, seeded(seed)), picks);
          const total = weights.reduce((sum, weight) => sum + weight, 0);
          for (const { name, weight } of all)
            expect(Math.abs((counts.get(name) ?? 0) - (picks * weight) / total)).toBeLessThanOrEqual(
              2 + weight / total,
            );
        },
      ),
    );
  });
});

describe("least request", () => {
  it.each([2, 3])("takes the least busy of %i", (size) => {
    const all = weighted(...Array(size).fill(1));
    for (const [i, endpoint] of all.entries()) endpoint.active = 5 - i;
    const counts = tally(pickerOf("LEAST_REQUEST", all, seeded(3)), 100);
    expect(counts).toEqual(new Map([[all.at(-1)?.name, 100]]));
  });

  it("counts requests for each unit of weight", () => {
    const [light, heavy] = weighted(1, 4) as [FakeEndpoint, FakeEndpoint];
    light.active = 2;
    heavy.active = 4;
    expect(pickerOf("LEAST_REQUEST", [light, heavy], seeded(1))(0)).toBe(heavy);
  });

  it("never sends to the busiest of many", () => {
    const all = fakeEndpoints(10);
    for (const [i, endpoint] of all.entries()) endpoint.active = i === 4 ? 9 : 1;
    const counts = tally(pickerOf("LEAST_REQUEST", all, seeded(9)), 5_000);
    expect(counts.has(all[4]?.name ?? "")).toBe(false);
  });

  it("keeps the in-flight counts of many endpoints close together", () => {
    const all = fakeEndpoints(20);
    const pick = pickerOf("LEAST_REQUEST", all, seeded(11));
    for (let i = 0; i < 2_000; i++) {
      const picked = pick(0);
      if (picked !== undefined) picked.active++;
    }
    const counts = all.map((endpoint) => endpoint.active);
    expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(6);
  });

  it("asks every endpoint once before it trusts what it has measured", () => {
    const all = fakeEndpoints(3);
    const pick = pickerOf("LEAST_REQUEST", all, seeded(5));
    const asked = new Set<string>();
    for (let now = 0; now < 3; now++) {
      const picked = pick(now);
      picked?.latency.succeeded(2, now);
      asked.add(picked?.name ?? "");
    }
    expect(asked.size).toBe(3);
  });
});

/** Requests one after another, each taking as long as its endpoint says; share of each endpoint in so many ms. */
function serve(
  pick: Picker<FakeEndpoint>,
  fromMs: number,
  forMs: number,
  latency: (endpoint: FakeEndpoint) => number,
  status: (endpoint: FakeEndpoint) => "ok" | "fails" = () => "ok",
): Map<string, number> {
  const counts = new Map<string, number>();
  for (let now = fromMs; now < fromMs + forMs; now += 5) {
    const picked = pick(now);
    if (picked === undefined) continue;
    counts.set(picked.name, (counts.get(picked.name) ?? 0) + 1);
    if (status(picked) === "ok") picked.latency.succeeded(latency(picked), now);
    else picked.latency.failed(latency(picked), now);
  }
  const total = [...counts.values()].reduce((sum, n) => sum + n, 0);
  return new Map([...counts].map(([name, n]) => [name, n / total]));
}

describe.each([2, 3, 10])("peak EWMA among %i", (size) => {
  const slowName = "10.0.0.0";

  it("turns away from an endpoint that is slow, and comes back when it is fast again", () => {
    fc.assert(
      fc.property(fc.integer(), fc.integer({ min: 20, max: 2_000 }), (seed, slowMs) => {
        const all = fakeEndpoints(size);
        const pick = pickerOf("LEAST_REQUEST", all, seeded(seed));
        const fair = 1 / size;
        const slow = serve(pick, 0, 30_000, ({ name }) => (name === slowName ? slowMs : 2));
        expect(slow.get(slowName) ?? 0).toBeLessThan(fair / 5);
        // It fades to what the others have within 10 s times the logarithm of how much slower it was.
        serve(pick, 30_000, 10_000 * Math.log(slowMs), () => 2);
        const again = serve(pick, 200_000, 30_000, () => 2);
        expect(again.get(slowName) ?? 0).toBeGreaterThan(fair / 2);
      }),
      { numRuns: 20 },
    );
  });

  it("is not drawn to an endpoint that fails fast", () => {
    fc.assert(
      fc.property(fc.integer(), (seed) => {
        const all = fakeEndpoints(size);
        const pick = pickerOf("LEAST_REQUEST", all, seeded(seed));
        const shares = serve(
          pick,
          0,
          60_000,
          ({ name }) => (name === slowName ? 0.1 : 10),
          ({ name }) => (name === slowName ? "fails" : "ok"),
        );
        expect(shares.get(slowName) ?? 0).toBeLessThan(1 / size / 5);
      }),
      { numRuns: 20 },
    );
  });
});

describe.each(["ROUND_ROBIN", "LEAST_REQUEST"] as const)("slow start with %s", (simple) => {
  const warmup = { durationMs: 10_000, minimumPercent: 10, aggression: 1 };

  it("gives a new endpoint its share as it grows older", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 4, max: 30 }),
        fc.integer({ min: 0, max: 12_000 }),
        fc.double({ min: 0.5, max: 4, noNaN: true }),
        fc.integer(),
        (size, age, aggression, seed) => {
          const all = fakeEndpoints(size, { addedAt: Number.NEGATIVE_INFINITY });
          const fresh = fakeEndpoint("fresh", { addedAt: 5_000 });
          const pick = pickerOf(simple, [...all, fresh], seeded(seed), { ...warmup, aggression });
          const picks = 6_000;
          const counts = tally(pick, picks, 5_000 + age);
          const factor = Math.min(Math.max(0.1, (age / 10_000) ** (1 / aggression)), 1);
          const share = factor / (size + factor);
          const slack = 7 * Math.sqrt(picks * share * (1 - share)) + 2;
          expect(Math.abs((counts.get("fresh") ?? 0) - picks * share)).toBeLessThanOrEqual(slack);
        },
      ),
      { numRuns: 60 },
    );
  });

  it("serves from new endpoints alike when all are new", () => {
    const all = fakeEndpoints(6, { addedAt: 0 });
    const counts = tally(pickerOf(simple, all, seeded(4), warmup), 6_000, 1);
    for (const { name } of all) expect(counts.get(name)).toBeGreaterThan(800);
  });
});
