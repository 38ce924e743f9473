import type { Clock } from "./clock.ts";

/** A token bucket: `perSecond` on average, `burst` at once. */
export interface RateLimiter {
  /** Takes a token and says in how many milliseconds it may be used: 0 when one was there. */
  reserve(): number;
  /** Takes a token if one is there; what is refused leaves no debt. */
  take(): boolean;
}

export function createRateLimiter(options: { perSecond: number; burst: number; clock: Clock }): RateLimiter {
  const { perSecond, burst, clock } = options;
  let tokens = burst;
  let at = clock.monotonic();
  const refill = () => {
    const now = clock.monotonic();
    tokens = Math.min(burst, tokens + ((now - at) * perSecond) / 1000);
    at = now;
  };
  return {
    reserve() {
      refill();
      tokens -= 1;
      return tokens >= 0 ? 0 : (-tokens * 1000) / perSecond;
    },
    take() {
      refill();
      if (tokens < 1) return false;
      tokens -= 1;
      return true;
    },
  };
}
