import type { Clock, Timer } from "../../kube/index.ts";

/**
 * Decides when a key that changed is worked on: at once when nothing was written for it just now; in a burst, after
 * `quietMs` without a change, at the latest `maxMs` after the first one held back. Each key counts for itself, so that
 * a rollout of one service does not hold up the canary of another; and only writes count, so that a change which
 * turned out to alter nothing delays nothing.
 */
export interface Coalescer<K extends string> {
  /** Something that this key is made from has changed. */
  changed(key: K): void;
  /** The key's object was written. */
  wrote(key: K): void;
  /** The key is gone. */
  forget(key: K): void;
  close(): void;
}

interface Held {
  readonly since: number;
  readonly timer: Timer;
}

export function createCoalescer<K extends string>(options: {
  clock: Clock;
  quietMs?: number;
  maxMs?: number;
  release: (key: K) => void;
}): Coalescer<K> {
  const { clock, quietMs = 100, maxMs = 1000, release } = options;
  const written = new Map<K, number>();
  const held = new Map<K, Held>();

  const hold = (key: K, since: number, now: number) => {
    held.get(key)?.timer.cancel();
    const due = Math.min(now + quietMs, since + maxMs);
    const timer = clock.setTimeout(() => {
      held.delete(key);
      release(key);
    }, due - now);
    held.set(key, { since, timer });
  };

  return {
    changed(key) {
      const now = clock.monotonic();
      const waiting = held.get(key);
      if (waiting !== undefined) return hold(key, waiting.since, now);
      const last = written.get(key);
      if (last !== undefined && now - last < quietMs) return hold(key, now, now);
      written.delete(key);
      release(key);
    },
    wrote(key) {
      written.set(key, clock.monotonic());
    },
    forget(key) {
      written.delete(key);
      held.get(key)?.timer.cancel();
      held.delete(key);
    },
    close() {
      for (const { timer } of held.values()) timer.cancel();
      held.clear();
    },
  };
}
