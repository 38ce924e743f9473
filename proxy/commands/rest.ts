/**
 * Gives memory back when the proxy comes to rest. The runtime's collector runs as objects are made: a proxy that falls idle
 * would keep the garbage of its last work, in every pod, until it works again.
 */

export interface RestEffects {
  /** CPU time of this process so far, in ms. */
  readonly cpuMs: () => number;
  /** A full collection; takes some milliseconds, which nobody waits for when the process is idle. */
  readonly collect: () => void;
  /** Runs a function every `ms` until the returned function is called. */
  readonly every: (ms: number, run: () => void) => () => void;
}

const TICK_MS = 3_000;
/** At rest: less than half a per cent of a core within a tick. */
const REST_CPU_MS = 15;
/** As much work as leaves garbage worth collecting. */
const WORK_CPU_MS = 30;

/** Collects once after each stretch of work, when it is over. Returns a function that ends it. */
export function collectAtRest({ cpuMs, collect, every }: RestEffects): () => void {
  let last = cpuMs();
  let collectedAt = 0;
  return every(TICK_MS, () => {
    const current = cpuMs();
    const resting = current - last < REST_CPU_MS;
    last = current;
    if (!resting || current - collectedAt < WORK_CPU_MS) return;
    collect();
    last = cpuMs();
    collectedAt = last;
  });
}
