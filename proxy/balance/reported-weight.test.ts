import { describe, expect, it } from "vitest";
import { ReportedWeight, weightOf } from "./reported-weight.ts";

const weigh = (metrics: Record<string, number>, metricNames: string[] = [], errorUtilizationPenalty = 1) =>
  weightOf(new Map(Object.entries(metrics)), { metricNames, errorUtilizationPenalty });

describe("the weight of a report", () => {
  it.each([
    ["requests by the processor's utilization", { rps_fractional: 100, cpu_utilization: 0.5 }, [], 200],
    [
      "the application's word before that",
      { rps_fractional: 100, cpu_utilization: 0.5, application_utilization: 0.8 },
      [],
      125,
    ],
    [
      "a named metric before both",
      { rps_fractional: 100, application_utilization: 0.8, "named_metrics.q": 4 },
      ["named_metrics.q"],
      25,
    ],
    [
      "the largest of the named ones",
      { rps_fractional: 100, "named_metrics.q": 4, mem_utilization: 5 },
      ["named_metrics.q", "mem_utilization"],
      20,
    ],
    [
      "all of a map",
      { rps_fractional: 100, "utilization.disk": 0.5, "utilization.net": 2, "named_metrics.q": 9 },
      ["utilization.*"],
      50,
    ],
    [
      "not a metric that is missing or 0",
      { rps_fractional: 100, cpu_utilization: 0.5, "named_metrics.q": 0 },
      ["named_metrics.q", "eps"],
      200,
    ],
  ] as const)("is %s", (_, metrics, names, expected) => {
    expect(weigh(metrics, [...names])).toBeCloseTo(expected, 9);
  });

  it("is less by the share of errors, as much as the policy says", () => {
    const failing = { rps_fractional: 100, eps: 25, cpu_utilization: 0.5 };
    expect([0, 1, 2].map((penalty) => weigh(failing, [], penalty))).toEqual([200, 100 / 0.75, 100]);
    expect(weigh({ rps_fractional: 100, eps: 50 })).toBe(200);
  });

  it("is unknown without requests or utilization", () => {
    expect(weigh({})).toBeUndefined();
    expect(weigh({ cpu_utilization: 1, eps: 1 })).toBeUndefined();
    expect(weigh({ rps_fractional: 100 })).toBeUndefined();
    expect(weigh({ rps_fractional: 100, eps: 50 }, [], 0)).toBeUndefined();
  });

  it("stays in bounds, so that no endpoint is beyond arithmetic", () => {
    expect(weigh({ rps_fractional: 1e300, cpu_utilization: 1e-300 })).toBe(2 ** 32);
    expect(weigh({ rps_fractional: 1e-300, cpu_utilization: 1e300 })).toBe(2 ** -32);
  });
});

describe("a reported weight", () => {
  const policy = { stabilizationMs: 10_000, expirationMs: 60_000 };
  const reported = (...times: number[]) => {
    const weight = new ReportedWeight();
    for (const [i, now] of times.entries()) weight.report(i + 1, now, policy.expirationMs);
    return (now: number) => weight.at(now, policy);
  };

  it("counts once reports have come for long enough, as the last one says", () => {
    const at = reported(0, 5_000);
    expect([at(5_000), at(9_999), at(10_000)]).toEqual([undefined, undefined, 2]);
  });

  it("counts at once where nothing is to be waited for", () => {
    const weight = new ReportedWeight();
    weight.report(3, 50, 1_000);
    expect(weight.at(50, { stabilizationMs: 0, expirationMs: 1_000 })).toBe(3);
  });

  it("no longer counts when none has come for too long", () => {
    const at = reported(0);
    expect([at(60_000), at(60_001)]).toEqual([1, undefined]);
  });

  it("has to prove itself anew after that, though nobody looked meanwhile", () => {
    const at = reported(0, 60_000, 120_001);
    expect([at(120_001), at(130_000), at(130_001)]).toEqual([undefined, undefined, 3]);
  });
});
