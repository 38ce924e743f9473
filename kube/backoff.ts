/** Delays that grow from `initialMs` by `factor` up to `maxMs`, each spread by ±`jitter` so that clients part ways. */
export interface Backoff {
  /** The next delay in milliseconds. */
  next(): number;
  /** Starts over: what was failing works again. */
  reset(): void;
}

export function createBackoff(options: {
  initialMs: number;
  maxMs: number;
  factor?: number;
  /** Share of the delay, 0…1, by which it is spread to both sides. */
  jitter?: number;
  random: () => number;
}): Backoff {
  const { initialMs, maxMs, factor = 2, jitter = 0.25, random } = options;
  let delay = initialMs;
  return {
    next() {
      const current = delay;
      delay = Math.min(maxMs, delay * factor);
      return current * (1 - jitter + 2 * jitter * random());
    },
    reset() {
      delay = initialMs;
    },
  };
}
