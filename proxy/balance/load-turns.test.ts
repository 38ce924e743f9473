import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { BackendUtilization } from "../../crds/service-config.ts";
import { Balancer } from "./balancer.ts";
import { type FakeEndpoint, fakeEndpoint, fakeEndpoints, seeded, tally } from "./candidate.fake.ts";
import { simpleAlgorithm } from "./picker.ts";
import { ReportedWeight } from "./reported-weight.ts";

const policy: BackendUtilization = {
  metricNames: [],
  errorUtilizationPenalty: 1,
  expirationMs: 180_000,
  stabilizationMs: 10_000,
  updateMs: 1_000,
};
const loadBalancer = { simple: "ROUND_ROBIN", backendUtilization: policy } as const;

/** Endpoints `0`, `1`, … whose reports make these weights; undefined: it reports nothing. */
const reporting = (...weights: (number | undefined)[]) =>
  weights.map((weight, i) => {
    const endpoint = fakeEndpoint(String(i));
    return weight === undefined ? endpoint : reports(endpoint, weight, 0);
  });
function reports(endpoint: FakeEndpoint, weight: number, now: number): FakeEndpoint {
  const reported = endpoint.reported ?? new ReportedWeight();
  reported.report(weight, now, policy.expirationMs);
  return Object.assign(endpoint, { reported });
}

const pickerOf = (endpoints: readonly FakeEndpoint[], seed = 1, usable = endpoints) =>
  simpleAlgorithm<FakeEndpoint>(loadBalancer, seeded(seed))(endpoints, usable);
/** How often each is picked, by its index. */
const counted = (pick: ReturnType<typeof pickerOf>, picks: number, now: number, size: number) => {
  const counts = tally(pick, picks, now);
  return Array.from({ length: size }, (_, i) => counts.get(String(i)) ?? 0);
};

const weights = fc.array(fc.double({ min: 0.01, max: 1_000, noNaN: true }), { minLength: 1, maxLength: 20 });

describe("turns by reported load", () => {
  it("has nothing to pick from no endpoints", () => {
    expect(pickerOf([])(0)).toBeUndefined();
  });

  it("is at any moment within a turn of its own, and its share of one of everybody's, of what its weight says", () => {
    fc.assert(
      fc.property(weights, fc.integer({ min: 1, max: 500 }), fc.integer(), (all, picks, seed) => {
        const pick = pickerOf(reporting(...all), seed);
        const total = all.reduce((sum, weight) => sum + weight, 0);
        for (const [i, count] of counted(pick, picks, 20_000, all.length).entries()) {
          const share = (all[i] ?? 0) / total;
          expect(Math.abs(count - picks * share)).toBeLessThanOrEqual(1 + share * all.length + 1e-9);
        }
      }),
    );
  });

  it("neither gives nor takes more than a turn when weights change", () => {
    const size = 5;
    const weight = fc.integer({ min: 1, max: 20 });
    const span = fc.tuple(
      fc.array(weight, { minLength: size, maxLength: size }),
      fc.integer({ min: 1, max: 100 }),
    );
    fc.assert(
      fc.property(fc.array(span, { minLength: 2, maxLength: 10 }), fc.integer(), (spans, seed) => {
        const all = reporting(...Array.from({ length: size }, () => 1));
        const pick = pickerOf(all, seed);
        const expected = new Float64Array(size);
        const counts = new Float64Array(size);
        for (const [second, [weights, picks]] of spans.entries()) {
          const now = 20_000 + second * 1_000;
          const total = weights.reduce((sum, each) => sum + each, 0);
          for (const [i, each] of weights.entries()) {
            reports(all[i] as FakeEndpoint, each, now);
            expected[i] = (expected[i] ?? 0) + (picks * each) / total;
          }
          for (const [i, count] of counted(pick, picks, now, size).entries())
            counts[i] = (counts[i] ?? 0) + count;
        }
        for (const [i, count] of counts.entries())
          expect(Math.abs(count - (expected[i] ?? 0))).toBeLessThanOrEqual(2 + spans.length);
      }),
    );
  });

  it("takes turns among all alike until two have reported for long enough", () => {
    const all = reporting(5, 1, undefined);
    const pick = pickerOf(all);
    expect(counted(pick, 30, 9_999, 3)).toEqual([10, 10, 10]);
    const alone = reporting(undefined, 7, undefined);
    expect(counted(pickerOf(alone), 30, 20_000, 3)).toEqual([10, 10, 10]);
  });

  it("gives an endpoint that reports nothing the median of those that do", () => {
    expect(counted(pickerOf(reporting(1, 3, 8, undefined)), 150, 20_000, 4)).toEqual([10, 30, 80, 30]);
    expect(counted(pickerOf(reporting(2, 4, undefined)), 90, 20_000, 3)).toEqual([20, 40, 30]);
  });

  it("computes anew after the period, not before", () => {
    const all = reporting(1, 1);
    const pick = pickerOf(all);
    expect(counted(pick, 40, 20_000, 2)).toEqual([20, 20]);
    reports(all[1] as FakeEndpoint, 3, 20_500);
    expect(counted(pick, 40, 20_999, 2)).toEqual([20, 20]);
    expect(counted(pick, 40, 21_000, 2)).toEqual([10, 30]);
  });

  it("forgets a weight that nothing has confirmed", () => {
    const all = reporting(1, 3);
    const pick = pickerOf(all);
    expect(counted(pick, 40, 180_000, 2)).toEqual([10, 30]);
    expect(counted(pick, 40, 181_001, 2)).toEqual([20, 20]);
  });

  it("never picks an excluded endpoint while another is there", () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.option(fc.integer({ min: 1, max: 1_000 }), { nil: undefined }), fc.boolean()), {
          minLength: 1,
          maxLength: 12,
        }),
        fc.integer(),
        (specs, seed) => {
          const all = reporting(...specs.map(([weight]) => weight));
          const exclude = all.filter((_, i) => specs[i]?.[1]);
          const pick = pickerOf(all, seed);
          for (let i = 0; i < 20; i++) {
            const picked = pick(20_000 + i * 500, exclude);
            expect(picked).toBeDefined();
            if (exclude.length < all.length && picked !== undefined) expect(exclude).not.toContain(picked);
          }
        },
      ),
    );
  });

  it("knows the median of all where only some are usable", () => {
    const all = reporting(1, 1, undefined, 9);
    const usable = all.slice(1);
    const counts = tally(pickerOf(all, 1, usable), 110, 20_000);
    expect(usable.map(({ name }) => counts.get(name))).toEqual([10, 10, 90]);
  });

  it("lets a new endpoint warm up to its share", () => {
    const all = reporting(1, 1);
    for (const [i, endpoint] of all.entries()) endpoint.addedAt = i === 0 ? Number.NEGATIVE_INFINITY : 20_000;
    const warmup = { durationMs: 60_000, minimumPercent: 10, aggression: 1 };
    const pick = simpleAlgorithm<FakeEndpoint>({ ...loadBalancer, warmup }, seeded(1))(all, all);
    const [, cold = 0] = counted(pick, 110, 20_000, 2);
    expect(cold).toBeGreaterThan(5);
    expect(cold).toBeLessThan(15);
    expect(counted(pick, 100, 80_000, 2)).toEqual([50, 50]);
  });
});

describe("a balancer by reported load", () => {
  const balancer = (endpoints: readonly FakeEndpoint[], former?: Balancer<FakeEndpoint>) =>
    new Balancer<FakeEndpoint>(
      {
        policy: {
          ...loadBalancer,
          locality: { enabled: true, distribute: [], failover: [], failoverPriority: [] },
        },
        endpoints,
        place: { locality: "eu/a", labels: {}, node: undefined },
        health: {
          minHealthPercent: 0,
          refresh: () => endpoints.filter(({ ejected }) => ejected).length,
          panicked: () => {},
        },
        random: seeded(1),
      },
      former,
    );
  const near = (...all: FakeEndpoint[]) => all.map((each) => Object.assign(each, { locality: "eu/a" }));

  it("weighs within the nearest locality, and leaves out who is ejected", () => {
    const all = near(...reporting(1, 3, 6));
    const far = fakeEndpoints(2, { locality: "us/x" });
    const { pick } = balanced(balancer([...all, ...far]));
    expect(counted(pick, 100, 20_000, 3)).toEqual([10, 30, 60]);
    (all[2] as FakeEndpoint).ejected = true;
    const [first = 0, second = 0, third] = counted(pick, 400, 20_000, 3);
    expect(third).toBe(0);
    expect(Math.abs(second - 3 * first)).toBeLessThanOrEqual(4);
  });

  it("knows weights when its endpoints change", () => {
    const all = near(...reporting(1, 3));
    const former = balancer(all);
    former.pick(20_000);
    const more = near(...all, fakeEndpoint("2"));
    expect(counted(balanced(balancer(more, former)).pick, 60, 20_000, 3)).toEqual([10, 30, 20]);
  });

  const balanced = (of: Balancer<FakeEndpoint>) => ({ pick: (now: number) => of.pick(now) });
});
