import { describe, expect, it } from "vitest";
import { createFakeClock } from "../../kube/clock.fake.ts";
import { createKeyedLimiter } from "./limits.ts";

describe("a keyed limiter", () => {
  it("lets a burst through, then says how long to wait, each key by itself", async () => {
    const clock = createFakeClock();
    const limiter = createKeyedLimiter({ perSecond: 2, burst: 3, clock });
    expect([1, 2, 3, 4].map(() => limiter.take("a"))).toEqual([0, 0, 0, 500]);
    expect(limiter.take("b")).toBe(0);
    await clock.advance(500);
    expect([limiter.take("a"), limiter.take("a")]).toEqual([0, 500]);
  });

  it("never saves up more than a burst", async () => {
    const clock = createFakeClock();
    const limiter = createKeyedLimiter({ perSecond: 2, burst: 2, clock });
    limiter.take("a");
    await clock.advance(60_000);
    expect([1, 2, 3].map(() => limiter.take("a"))).toEqual([0, 0, 500]);
  });

  it("forgets the longest unused key when it holds too many", () => {
    const limiter = createKeyedLimiter({ perSecond: 1, burst: 1, maxKeys: 2, clock: createFakeClock() });
    for (const key of ["a", "b", "a", "c"]) limiter.take(key);
    expect(limiter.size).toBe(2);
    expect(limiter.take("a")).toBeGreaterThan(0);
    expect(limiter.take("b")).toBe(0);
  });
});
