import type { Clock, Timer } from "./clock.ts";
import { createRateLimiter } from "./limiter.ts";
import { type KubeMetrics, noMetrics } from "./metrics-hooks.ts";

/** Keys to work on. A key waits at most once, and is never handed to two workers at the same time. */
export interface WorkQueue<K extends string = string> {
  /** Queues a key; one being worked on is queued again when its worker is done. Urgent ones go before all others. */
  add(key: K, urgent?: boolean): void;
  /** Queues a key after `ms`; an earlier due time of the same key stands. */
  addAfter(key: K, ms: number): void;
  /** Queues a key after its own exponential backoff, within the queue's overall rate. */
  retry(key: K): void;
  /** Ends a key's backoff: it succeeded, or is given up. */
  forget(key: K): void;
  /** Failures since the last `forget`. */
  failures(key: K): number;
  /** The next key, as soon as there is one; undefined once the queue is closed. */
  get(): Promise<K | undefined>;
  /** The worker that got this key has finished with it. */
  done(key: K): void;
  close(): void;
  readonly depth: number;
}

/** Doublings beyond this many no longer change a delay that is capped anyway, and would overflow. */
const maxDoublings = 30;

/** client-go's rate-limiting queue: dirty and processing sets, per-key backoff, one token bucket for retries. */
export function createWorkQueue<K extends string = string>(options: {
  clock: Clock;
  name?: string | undefined;
  /** First retry delay; doubles with each failure. Default 5 ms. */
  baseDelayMs?: number | undefined;
  /** Default 1000 s. */
  maxDelayMs?: number | undefined;
  /** Retries a second over all keys. Default 10, with bursts of 100. */
  rate?: { perSecond: number; burst: number } | undefined;
  metrics?: KubeMetrics | undefined;
}): WorkQueue<K> {
  const { clock, name = "queue", baseDelayMs = 5, maxDelayMs = 1_000_000 } = options;
  const metrics = options.metrics ?? noMetrics;
  const limiter = createRateLimiter({ ...(options.rate ?? { perSecond: 10, burst: 100 }), clock });

  /** Waiting, in order of arrival, with the time each was added. */
  const ready = new Map<K, number>();
  const urgentlyReady = new Map<K, number>();
  const processing = new Set<K>();
  /** Added while in the hands of a worker. */
  const again = new Set<K>();
  const delayed = new Map<K, { due: number; timer: Timer }>();
  const failed = new Map<K, number>();
  const takers: ((key: K | undefined) => void)[] = [];
  let closed = false;

  const depth = () => ready.size + urgentlyReady.size;
  const take = (key: K, since: number): K => {
    processing.add(key);
    metrics.queueTake(name, depth(), clock.monotonic() - since);
    return key;
  };

  const add = (key: K, urgent = false) => {
    const since = ready.get(key);
    if (closed || urgentlyReady.has(key) || (since !== undefined && !urgent)) return;
    ready.delete(key);
    if (processing.has(key)) {
      again.add(key);
      return;
    }
    const taker = takers.shift();
    if (taker === undefined) (urgent ? urgentlyReady : ready).set(key, since ?? clock.monotonic());
    metrics.queueAdd(name, depth());
    taker?.(take(key, clock.monotonic()));
  };

  const addAfter = (key: K, ms: number) => {
    if (closed) return;
    if (ms <= 0) return add(key);
    const due = clock.monotonic() + ms;
    const waiting = delayed.get(key);
    if (waiting !== undefined && waiting.due <= due) return;
    waiting?.timer.cancel();
    const timer = clock.setTimeout(() => {
      delayed.delete(key);
      add(key);
    }, ms);
    delayed.set(key, { due, timer });
  };

  return {
    add,
    addAfter,
    retry(key) {
      const failures = failed.get(key) ?? 0;
      failed.set(key, failures + 1);
      metrics.queueRetry(name);
      const own = Math.min(maxDelayMs, baseDelayMs * 2 ** Math.min(failures, maxDoublings));
      addAfter(key, Math.max(own, limiter.reserve()));
    },
    forget: (key) => {
      failed.delete(key);
    },
    failures: (key) => failed.get(key) ?? 0,
    get() {
      for (const waiting of [urgentlyReady, ready]) {
        for (const [key, since] of waiting) {
          waiting.delete(key);
          return Promise.resolve(take(key, since));
        }
      }
      if (closed) return Promise.resolve(undefined);
      return new Promise((resolve) => takers.push(resolve));
    },
    done(key) {
      processing.delete(key);
      if (again.delete(key)) add(key);
    },
    close() {
      closed = true;
      for (const { timer } of delayed.values()) timer.cancel();
      delayed.clear();
      ready.clear();
      urgentlyReady.clear();
      for (const taker of takers.splice(0)) taker(undefined);
    },
    get depth() {
      return depth();
    },
  };
}
