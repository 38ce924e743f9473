import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { backoffMs, pushbackMs } from "./delay.ts";

describe("the back-off", () => {
  it.each([
    [1, 25],
    [2, 75],
    [3, 175],
    [4, 250],
    [40, 250],
  ])("before retry %i is spread evenly below %i ms for a base of 25", (retry, ceiling) => {
    expect(backoffMs(25, retry, () => 0)).toBe(0);
    expect(backoffMs(25, retry, () => 0.5)).toBe(ceiling / 2);
    expect(backoffMs(25, retry, () => 0.999_999)).toBeCloseTo(ceiling, 2);
  });

  it("never exceeds ten bases, whatever is asked", () => {
    const numbers = fc.tuple(
      fc.integer({ min: 1, max: 60_000 }),
      fc.integer({ min: 1, max: 10_000 }),
      fc.double({ min: 0, max: 0.999, noNaN: true }),
    );
    fc.assert(
      fc.property(numbers, ([base, retry, random]) => {
        const delay = backoffMs(base, retry, () => random);
        expect(delay).toBeGreaterThanOrEqual(0);
        expect(delay).toBeLessThan(10 * base);
      }),
    );
  });
});

describe("an endpoint's pushback", () => {
  const now = Date.parse("2026-01-01T00:00:00Z");
  it.each<[retryAfter: string | undefined, grpc: string | undefined, ms: number | undefined]>([
    [undefined, undefined, undefined],
    ["0", undefined, 0],
    ["2", undefined, 2_000],
    ["Thu, 01 Jan 2026 00:00:03 GMT", undefined, 3_000],
    ["Wed, 31 Dec 2025 23:59:00 GMT", undefined, 0],
    ["soon", undefined, undefined],
    ["-1", undefined, undefined],
    ["1.5", undefined, undefined],
    ["99999999999999", undefined, undefined],
    [undefined, "150", 150],
    ["2", "150", 150],
    [undefined, "-1", Number.POSITIVE_INFINITY],
    [undefined, "soon", Number.POSITIVE_INFINITY],
  ])("of Retry-After %j and grpc-retry-pushback-ms %j is %j ms", (retryAfter, grpcPushback, ms) => {
    expect(pushbackMs({ retryAfter, grpcPushback }, now)).toBe(ms);
  });
});
