import type { Clock } from "./clock.ts";

/** A clock for tests: time stands still until `advance`, which runs what falls due in order. */
export interface FakeClock extends Clock {
  /** Moves time by `ms`, letting promises settle before and after every timer that falls due. */
  advance(ms: number): Promise<void>;
  /** Timers not fired and not cancelled. */
  readonly pending: number;
}

/** Starts at `start` milliseconds since the epoch. */
export function createFakeClock(start = Date.UTC(2026, 0, 1)): FakeClock {
  let elapsed = 0;
  let sequence = 0;
  const timers = new Map<number, { due: number; fn: () => void }>();
  const nextDue = (limit: number) => {
    let best: { id: number; due: number; fn: () => void } | undefined;
    for (const [id, timer] of timers) {
      if (timer.due <= limit && (best === undefined || timer.due < best.due)) best = { id, ...timer };
    }
    return best;
  };
  return {
    now: () => start + elapsed,
    monotonic: () => elapsed,
    setTimeout(fn, ms) {
      const id = sequence++;
      timers.set(id, { due: elapsed + Math.max(0, ms), fn });
      return { cancel: () => timers.delete(id) };
    },
    async advance(ms) {
      const limit = elapsed + ms;
      await settle();
      for (let timer = nextDue(limit); timer !== undefined; timer = nextDue(limit)) {
        timers.delete(timer.id);
        elapsed = Math.max(elapsed, timer.due);
        timer.fn();
        await settle();
      }
      elapsed = limit;
      await settle();
    },
    get pending() {
      return timers.size;
    },
  };
}

/** Lets every promise chain that can go on without time or I/O go on. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve));
}
