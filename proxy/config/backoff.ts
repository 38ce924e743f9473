/** Waits between attempts: quick at first, since most failures are a restart that is over in a moment, then patient. */
export interface Backoff {
  /** The next wait in ms. */
  next(): number;
  reset(): void;
}

/** Doubles from `firstMs` to `maxMs`; each wait is cut by a random half, so that a cluster's proxies do not come back in step. */
export function createBackoff(random: () => number, { firstMs = 50, maxMs = 10_000 } = {}): Backoff {
  let attempt = 0;
  return {
    next() {
      const full = Math.min(maxMs, firstMs * 2 ** Math.min(attempt++, 30));
      return full * (0.5 + random() / 2);
    },
    reset() {
      attempt = 0;
    },
  };
}
