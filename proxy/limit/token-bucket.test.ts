import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Rate, TokenBucket } from "./token-bucket.ts";

const rates = fc.record<Rate>({
  maxTokens: fc.integer({ min: 1, max: 50 }),
  tokensPerFill: fc.integer({ min: 1, max: 50 }),
  fillIntervalMs: fc.integer({ min: 1, max: 3_000 }),
});

function ask(bucket: TokenBucket, rate: Rate, now: number): boolean {
  const has = bucket.has(rate, now);
  if (has) bucket.take(rate, now);
  return has;
}

describe("a token bucket", () => {
  it("lets a full bucket through at once, then one request per token that comes in", () => {
    const rate = { maxTokens: 3, tokensPerFill: 2, fillIntervalMs: 1_000 };
    const bucket = new TokenBucket();
    const at = (now: number) => ask(bucket, rate, now);
    expect([at(0), at(0), at(0), at(0), at(499), at(500), at(999), at(1_000), at(1_000)]).toEqual([
      true,
      true,
      true,
      false,
      false,
      true,
      false,
      true,
      false,
    ]);
  });

  it("says what is left and when it is full", () => {
    const rate = { maxTokens: 10, tokensPerFill: 10, fillIntervalMs: 1_000 };
    const bucket = new TokenBucket();
    expect([bucket.remaining(rate, 5), bucket.fullInMs(rate, 5)]).toEqual([10, 0]);
    for (let i = 0; i < 4; i++) bucket.take(rate, 5);
    expect([bucket.remaining(rate, 5), bucket.fullInMs(rate, 5)]).toEqual([6, 400]);
    expect([bucket.remaining(rate, 205), bucket.fullInMs(rate, 205)]).toEqual([8, 200]);
    expect([bucket.remaining(rate, 9_000), bucket.fullInMs(rate, 9_000)]).toEqual([10, 0]);
  });

  it("never gives more than a bucket and the rate, in any window of any stream", () => {
    const gaps = fc.array(fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 5_000 })), { maxLength: 200 });
    fc.assert(
      fc.property(rates, gaps, fc.integer({ min: 0, max: 1e9 }), (rate, given, start) => {
        const bucket = new TokenBucket();
        const taken: number[] = [];
        let now = start;
        for (const gap of given) {
          now += gap;
          if (ask(bucket, rate, now)) taken.push(now);
        }
        for (let from = 0; from < taken.length; from++)
          for (let to = from; to < taken.length; to++) {
            const window = (taken[to] as number) - (taken[from] as number);
            const most = rate.maxTokens + Math.floor((window * rate.tokensPerFill) / rate.fillIntervalMs);
            expect(to - from + 1).toBeLessThanOrEqual(most);
          }
      }),
    );
  });

  it("gives exactly the rate to who always asks, without drift", () => {
    fc.assert(
      fc.property(rates, fc.integer({ min: 0, max: 1e9 }), (rate, start) => {
        // Asking once a millisecond is asking always as long as the bucket holds what comes in meanwhile.
        fc.pre(rate.maxTokens >= 2 + rate.tokensPerFill / rate.fillIntervalMs);
        const bucket = new TokenBucket();
        const duration = 400 * rate.fillIntervalMs;
        let given = 0;
        for (let token = 0; ; token++) {
          const now = start + Math.ceil((token * rate.fillIntervalMs) / rate.tokensPerFill);
          if (now > start + duration || token > 4_000) break;
          while (ask(bucket, rate, now)) given++;
          const due = Math.floor(((now - start) * rate.tokensPerFill) / rate.fillIntervalMs);
          expect(given).toBe(rate.maxTokens + due);
        }
      }),
      { numRuns: 30 },
    );
  });

  it("is never refused who keeps to the rate, and is full again after a rest", () => {
    fc.assert(
      fc.property(rates, (rate) => {
        const bucket = new TokenBucket();
        const gap = Math.ceil(rate.fillIntervalMs / rate.tokensPerFill);
        for (let i = 0; i < 500; i++) expect(ask(bucket, rate, i * gap)).toBe(true);
        const rested = 500 * gap + Math.ceil((rate.maxTokens * rate.fillIntervalMs) / rate.tokensPerFill);
        expect(bucket.remaining(rate, rested)).toBe(rate.maxTokens);
      }),
    );
  });
});
