import { type Clock, systemClock } from "./clock.ts";
import { ApiError, isConflict } from "./errors.ts";
import type { Log } from "./log.ts";
import { type KubeMetrics, noMetrics } from "./metrics-hooks.ts";
import type { WorkQueue } from "./workqueue.ts";

/** What the user asked for cannot work: trying again changes nothing until the object changes. */
export class ValidationError extends Error {
  override readonly name = "ValidationError";
}

/** Something not ready yet: try again, after `retryAfterMs` when that is known. */
export class TransientError extends Error {
  override readonly name = "TransientError";
  readonly retryAfterMs: number | undefined;

  constructor(message: string, options: { retryAfterMs?: number; cause?: unknown } = {}) {
    super(message, { cause: options.cause });
    this.retryAfterMs = options.retryAfterMs;
  }
}

/** Brings the world to what the object of this key asks for; safe to run again at any time. */
export type Reconcile<K extends string> = (
  key: K,
  signal: AbortSignal,
) => Promise<{ requeueAfterMs?: number | undefined } | undefined> | Promise<void>;

/** Someone else wrote in between: read again almost at once, but let the cache catch up. */
const conflictDelayMs = 20;
/** A cache that keeps lagging is no reason to hammer the server. */
const maxQuickConflicts = 5;

/**
 * Runs `workers` loops over the queue until the signal aborts, then resolves once the last reconcile has ended.
 * An exception of one key never reaches another: ValidationError waits for a change, a conflict is taken up again
 * at once, everything else with backoff.
 */
export async function runController<K extends string>(options: {
  name: string;
  queue: WorkQueue<K>;
  reconcile: Reconcile<K>;
  workers?: number | undefined;
  log: Log;
  clock?: Clock | undefined;
  metrics?: KubeMetrics | undefined;
  signal: AbortSignal;
}): Promise<void> {
  const { name, queue, reconcile, log, signal } = options;
  const clock = options.clock ?? systemClock;
  const metrics = options.metrics ?? noMetrics;

  const one = async (key: K) => {
    const started = clock.monotonic();
    const finish = (result: Parameters<KubeMetrics["reconcile"]>[1]) =>
      metrics.reconcile(name, result, clock.monotonic() - started);
    try {
      const result = await reconcile(key, signal);
      queue.forget(key);
      if (result?.requeueAfterMs !== undefined) queue.addAfter(key, result.requeueAfterMs);
      finish(result?.requeueAfterMs === undefined ? "success" : "requeue");
    } catch (error) {
      if (signal.aborted) return;
      if (error instanceof ValidationError) {
        queue.forget(key);
        log.warn("object cannot be reconciled as it is", { controller: name, key, error: error.message });
        finish("invalid");
      } else if (isConflict(error) && queue.failures(key) < maxQuickConflicts) {
        queue.addAfter(key, conflictDelayMs);
        finish("conflict");
      } else {
        const wait = retryAfterOf(error);
        if (wait === undefined) queue.retry(key);
        else queue.addAfter(key, wait);
        log.error("reconcile failed; will retry", {
          controller: name,
          key,
          failures: queue.failures(key),
          error,
        });
        finish("error");
      }
    } finally {
      queue.done(key);
    }
  };
  const work = async () => {
    for (let key = await queue.get(); key !== undefined; key = await queue.get()) {
      if (signal.aborted) {
        queue.done(key);
        continue;
      }
      await one(key);
    }
  };
  const close = () => queue.close();
  if (signal.aborted) close();
  signal.addEventListener("abort", close, { once: true });
  await Promise.all(Array.from({ length: options.workers ?? 1 }, work));
  signal.removeEventListener("abort", close);
}

function retryAfterOf(error: unknown): number | undefined {
  return error instanceof TransientError || error instanceof ApiError ? error.retryAfterMs : undefined;
}
