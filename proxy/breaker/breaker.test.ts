import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { ConnectionPool } from "../config/view.ts";
import { Breaker, type InFlight } from "./breaker.ts";

const none = (): InFlight => ({ requests: 0, pending: 0, connections: 0, retries: 0 });
const withPool = (fields: Partial<ConnectionPool>) => {
  const counts = none();
  const breaker = new Breaker(counts, { connectTimeoutMs: 1_000, ...fields });
  return { breaker, counts };
};
/** How many of so many are let through. */
const admitted = (times: number, ask: () => boolean) =>
  Array.from({ length: times }, ask).filter((each) => each).length;

describe("a breaker", () => {
  it.each<[string, Partial<ConnectionPool>, (breaker: Breaker) => boolean, number]>([
    ["requests under way", { http2MaxRequests: 3 }, (each) => each.beginRequest(), 3],
    ["requests that wait", { http1MaxPendingRequests: 2 }, (each) => each.beginWait(), 2],
    ["connections", { maxConnections: 4 }, (each) => each.slots.take(), 4],
    ["retries by their number", { maxRetries: 5 }, (each) => each.beginRetry(0), 5],
    ["retries by their least number", {}, (each) => each.beginRetry(0), 3],
    ["requests never without a limit", {}, (each) => each.beginRequest(), 20],
  ])("limits %s", (_what, pool, ask, expected) => {
    const { breaker } = withPool(pool);
    expect(admitted(20, () => ask(breaker))).toBe(expected);
  });

  it("lets in as many again as have ended", () => {
    const { breaker } = withPool({ http2MaxRequests: 2 });
    expect(admitted(5, () => breaker.beginRequest())).toBe(2);
    breaker.endRequest(0);
    expect(admitted(5, () => breaker.beginRequest())).toBe(1);
  });

  it("goes by new limits at once, and takes none of what runs away", () => {
    const { breaker, counts } = withPool({ http2MaxRequests: 5, maxConnections: 5 });
    expect(admitted(5, () => breaker.beginRequest())).toBe(5);
    breaker.apply({ connectTimeoutMs: 1_000, http2MaxRequests: 2 });
    expect(counts.requests).toBe(5);
    expect(breaker.beginRequest()).toBe(false);
    for (let ended = 0; ended < 4; ended++) breaker.endRequest(0);
    expect(admitted(5, () => breaker.beginRequest())).toBe(1);
    expect(admitted(9, () => breaker.slots.take())).toBe(9);
  });
});

describe("the budget of retries", () => {
  const begin = (breaker: Breaker, times: number) => admitted(times, () => breaker.beginRequest());

  it("is a fifth of the requests under way, and at least three, where nobody asked for one", () => {
    const { breaker } = withPool({});
    begin(breaker, 100);
    expect(admitted(100, () => breaker.beginRetry(0))).toBe(20);
    const idle = new Breaker(none(), undefined);
    expect(admitted(100, () => idle.beginRetry(0))).toBe(3);
  });

  it("is the share that was asked for, in place of the greatest number", () => {
    const { breaker } = withPool({ maxRetries: 1, retryBudget: { percent: 50, minRetryConcurrency: 0 } });
    expect(breaker.beginRetry(0)).toBe(false);
    begin(breaker, 10);
    expect(admitted(100, () => breaker.beginRetry(0))).toBe(5);
  });

  it("counts what ended within its interval, on both sides", () => {
    const { breaker } = withPool({
      retryBudget: { percent: 20, minRetryConcurrency: 0, budgetIntervalMs: 1_000 },
    });
    begin(breaker, 100);
    for (let ended = 0; ended < 100; ended++) breaker.endRequest(10);
    expect(admitted(100, () => breaker.beginRetry(20))).toBe(20);
    for (let ended = 0; ended < 20; ended++) breaker.endRetry(30);
    expect(breaker.beginRetry(40)).toBe(false);
    // An interval later neither the requests nor the retries count.
    expect(breaker.beginRetry(2_000)).toBe(false);
    begin(breaker, 5);
    expect(admitted(5, () => breaker.beginRetry(2_000))).toBe(1);
  });

  it("keeps retries to its share of all that was asked, whatever comes when", () => {
    const steps = fc.array(
      fc.record({ ms: fc.integer({ min: 0, max: 40 }), fails: fc.boolean(), lasts: fc.nat(200) }),
      { minLength: 50, maxLength: 400 },
    );
    fc.assert(
      fc.property(steps, (requests) => {
        const { breaker, counts } = withPool({});
        const ends: { at: number; end: () => void }[] = [];
        let now = 0;
        for (const { ms, fails, lasts } of requests) {
          now += ms;
          for (const { at, end } of ends.filter((each) => each.at <= now)) {
            end();
            ends.splice(
              ends.findIndex((each) => each.end === end),
              1,
            );
            expect(at).toBeLessThanOrEqual(now);
          }
          breaker.beginRequest();
          const retries = fails && breaker.beginRetry(now);
          if (retries)
            expect(counts.retries).toBeLessThanOrEqual(Math.max(3, Math.ceil(counts.requests / 5)));
          ends.push({
            at: now + lasts,
            end() {
              breaker.endRequest(now);
              if (retries) breaker.endRetry(now);
            },
          });
        }
        for (const { end } of ends) end();
        expect(counts).toEqual(none());
      }),
    );
  });
});
