import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { priorityLoads, shareLoads } from "./loads.ts";

const health = fc
  .integer({ min: 1, max: 100 })
  .chain((total) => fc.integer({ min: 0, max: total }).map((usable) => ({ total, usable })));
const share = (loads: readonly number[], i: number) =>
  (loads[i] ?? 0) / loads.reduce((sum, load) => sum + load, 0);

describe("load by priority", () => {
  it.each([
    {
      healths: [
        [10, 10],
        [10, 10],
      ],
      shares: [1, 0],
    },
    {
      healths: [
        [100, 72],
        [10, 10],
      ],
      shares: [1, 0],
    },
    {
      healths: [
        [10, 5],
        [10, 10],
      ],
      shares: [0.7, 0.3],
    },
    {
      healths: [
        [10, 0],
        [10, 10],
      ],
      shares: [0, 1],
    },
    {
      healths: [
        [4, 1],
        [4, 1],
      ],
      shares: [0.5, 0.5],
    },
    {
      healths: [
        [10, 1],
        [10, 2],
        [10, 10],
      ],
      shares: [0.14, 0.28, 0.58],
    },
  ] as const)("is Envoy's for $healths", ({ healths, shares }) => {
    const sets = healths.map(([total, usable]) => ({ total, usable }));
    const { loads } = priorityLoads(sets, 0);
    for (const [i, expected] of shares.entries()) expect(share(loads, i)).toBeCloseTo(expected, 10);
  });

  it("only moves on to later sets as earlier ones lose endpoints", () => {
    fc.assert(
      fc.property(fc.array(health, { minLength: 2, maxLength: 5 }), (sets) => {
        const [first, ...rest] = sets;
        if (first === undefined || first.usable === 0) return;
        const before = priorityLoads(sets, 0).loads;
        const after = priorityLoads([{ ...first, usable: first.usable - 1 }, ...rest], 0).loads;
        if (after.every((load) => load === 0)) return;
        expect(share(after, 0)).toBeLessThanOrEqual(share(before, 0) + 1e-9);
        for (let i = 1; i < sets.length; i++) {
          // What comes before set i, all together, never gets more.
          const earlier = (loads: readonly number[]) =>
            Array.from({ length: i }, (_, at) => share(loads, at)).reduce((sum, each) => sum + each, 0);
          expect(earlier(after)).toBeLessThanOrEqual(earlier(before) + 1e-9);
        }
      }),
    );
  });

  it("panics only in sets below the minimum, and never while the sets together can serve", () => {
    fc.assert(
      fc.property(fc.array(health, { minLength: 1, maxLength: 4 }), fc.nat(100), (sets, minimum) => {
        const { loads, panics } = priorityLoads(sets, minimum);
        const whole = sets.reduce((sum, { total, usable }) => sum + Math.min((usable / total) * 1.4, 1), 0);
        for (const [i, { total, usable }] of sets.entries())
          expect(panics[i]).toBe(whole < 1 && usable * 100 < minimum * total);
        // Nobody gets a request when nobody is healthy and nobody may panic.
        expect(loads.some((load) => load > 0)).toBe(
          sets.some(({ usable }) => usable > 0) || panics.every(Boolean),
        );
      }),
    );
  });

  it("counts endpoints alike when every set panics", () => {
    expect(
      priorityLoads(
        [
          { total: 30, usable: 0 },
          { total: 10, usable: 1 },
        ],
        50,
      ),
    ).toEqual({
      loads: [30, 10],
      panics: [true, true],
    });
  });
});

describe("load by shares", () => {
  it("is exactly the shares while the sets are healthy", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 100 }), { minLength: 1, maxLength: 5 }), (shares) => {
        const sets = shares.map(() => ({ total: 10, usable: 8 }));
        expect(shareLoads(sets, shares, 0).loads).toEqual(shares);
      }),
    );
  });

  it("moves to the others as a set loses endpoints", () => {
    const { loads } = shareLoads(
      [
        { total: 10, usable: 0 },
        { total: 10, usable: 10 },
      ],
      [80, 20],
      0,
    );
    expect(loads).toEqual([0, 20]);
  });

  it("is the shares again when too few endpoints are healthy", () => {
    const sets = [
      { total: 10, usable: 0 },
      { total: 10, usable: 2 },
    ];
    expect(shareLoads(sets, [80, 20], 50)).toEqual({ loads: [80, 20], panics: [true, true] });
  });
});
