/** A pending timer; `cancel` is idempotent and harmless after it fired. */
export interface Timer {
  cancel(): void;
}

/** Time as this code sees it: passed in everywhere, so that tests move it by hand. */
export interface Clock {
  /** Wall-clock milliseconds since the epoch: for timestamps that others read. */
  now(): number;
  /** Milliseconds that never jump: for durations, deadlines and rates. */
  monotonic(): number;
  setTimeout(fn: () => void, ms: number): Timer;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  setTimeout(fn, ms) {
    const handle = setTimeout(fn, ms);
    return { cancel: () => clearTimeout(handle) };
  },
};

/** Resolves after `ms`, or at once when the signal aborts: the caller looks at the signal to know which. */
export function sleep(clock: Clock, ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) return resolve();
    const finish = () => {
      timer.cancel();
      signal?.removeEventListener("abort", finish);
      resolve();
    };
    const timer = clock.setTimeout(finish, ms);
    signal?.addEventListener("abort", finish);
  });
}
