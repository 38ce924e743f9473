import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Candidate, Picker, Random } from "./candidate.ts";
import { createPicker } from "./picker.ts";

interface Endpoint extends Candidate {
  readonly name: string;
  readonly weight: number;
  active: number;
}

/** mulberry32: a small seeded generator, good enough for statistics. */
function seeded(seed: number): Random {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

function endpoints(...weights: number[]): Endpoint[] {
  return weights.map((weight, i) => ({ name: String.fromCharCode(97 + i), weight, active: 0 }));
}

function count(pick: Picker<Endpoint>, picks: number): Map<string, number> {
  const counts = new Map<string, number>();
  for (let i = 0; i < picks; i++) {
    const name = pick(0)?.name ?? "none";
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  return counts;
}

const algorithms = ["ROUND_ROBIN", "LEAST_REQUEST", "RANDOM", "PASSTHROUGH"] as const;

describe.each(algorithms)("%s", (simple) => {
  it("has nothing to pick from no endpoints", () => {
    expect(createPicker({ simple }, [], seeded(1))(0)).toBeUndefined();
  });

  it("gives idle endpoints their weights' share", () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: 10 }), { minLength: 1, maxLength: 6 }),
        fc.integer(),
        (weights, seed) => {
          const all = endpoints(...weights);
          const picks = 4_000;
          const counts = count(createPicker({ simple }, all, seeded(seed)), picks);
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
          const all = specs.map(([weight, active], i) => ({ name: String(i), weight, active }));
          const exclude = all.filter((_, i) => specs[i]?.[2]);
          const pick = createPicker({ simple }, all, seeded(seed));
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
    const pick = createPicker({ simple: "ROUND_ROBIN" }, endpoints(5, 1, 1), () => 0);
    expect(Array.from({ length: 7 }, () => pick(0)?.name).join("")).toBe("aabacaa");
  });

  it("visits every endpoint of equal weight once a turn, beginning anywhere", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 50 }), fc.integer(), (size, seed) => {
        const counts = count(
          createPicker({ simple: "ROUND_ROBIN" }, endpoints(...Array(size).fill(1)), seeded(seed)),
          size * 3,
        );
        expect([...counts.values()].every((n) => n === 3)).toBe(true);
        expect(counts.size).toBe(size);
      }),
    );
  });
});

describe("least request", () => {
  it.each([2, 3])("takes the least busy of %i", (size) => {
    const all = endpoints(...Array(size).fill(1));
    for (const [i, endpoint] of all.entries()) endpoint.active = 5 - i;
    const counts = count(createPicker({ simple: "LEAST_REQUEST" }, all, seeded(3)), 100);
    expect(counts).toEqual(new Map([[all.at(-1)?.name, 100]]));
  });

  it("counts requests for each unit of weight", () => {
    const [light, heavy] = endpoints(1, 4) as [Endpoint, Endpoint];
    light.active = 2;
    heavy.active = 4;
    expect(createPicker({ simple: "LEAST_REQUEST" }, [light, heavy], seeded(1))(0)).toBe(heavy);
  });

  it("never sends to the busiest of many", () => {
    const all = endpoints(...Array(10).fill(1));
    for (const [i, endpoint] of all.entries()) endpoint.active = i === 4 ? 9 : 1;
    expect(count(createPicker({ simple: "LEAST_REQUEST" }, all, seeded(9)), 5_000).has("e")).toBe(false);
  });

  it("keeps the in-flight counts of many endpoints close together", () => {
    const all = endpoints(...Array(20).fill(1));
    const pick = createPicker({ simple: "LEAST_REQUEST" }, all, seeded(11));
    for (let i = 0; i < 2_000; i++) {
      const picked = pick(0);
      if (picked !== undefined) picked.active++;
    }
    const counts = all.map((endpoint) => endpoint.active);
    expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(6);
  });
});
