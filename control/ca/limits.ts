import type { Clock } from "../../kube/clock.ts";

/** A token bucket for each key. */
export interface KeyedLimiter {
  /** Takes a token of the key's bucket: 0, or the milliseconds until there is one (then none is taken). */
  take(key: string): number;
  readonly size: number;
}

/**
 * `burst` at once and `perSecond` on average for each key. At most `maxKeys` buckets are held, the longest unused are
 * forgotten first: a forgotten caller starts with a full bucket.
 */
export function createKeyedLimiter(options: {
  perSecond: number;
  burst: number;
  maxKeys?: number;
  clock: Clock;
}): KeyedLimiter {
  const { perSecond, burst, maxKeys = 10_000, clock } = options;
  const buckets = new Map<string, { tokens: number; at: number }>();
  return {
    take(key) {
      const now = clock.monotonic();
      const bucket = buckets.get(key) ?? { tokens: burst, at: now };
      const tokens = Math.min(burst, bucket.tokens + ((now - bucket.at) * perSecond) / 1000);
      // Set anew, so that the map's order is the order of use.
      buckets.delete(key);
      const oldest = buckets.keys().next().value;
      if (buckets.size >= maxKeys && oldest !== undefined) buckets.delete(oldest);
      buckets.set(key, { tokens: tokens >= 1 ? tokens - 1 : tokens, at: now });
      return tokens >= 1 ? 0 : Math.ceil(((1 - tokens) * 1000) / perSecond);
    },
    get size() {
      return buckets.size;
    },
  };
}
