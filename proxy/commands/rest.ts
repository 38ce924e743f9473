/**
 * Gives memory back when the proxy comes to rest. The runtime's collector runs as objects are made: a proxy that falls idle
 * would keep the garbage of its last work, in every pod, until it works again; and what the runtime has compiled, and all that
 * has ever run of the runtime itself, for good.
 */

export interface RestEffects {
  /** CPU time of this process so far, in ms. */
  readonly cpuMs: () => number;
  /** A full collection; takes some milliseconds, which nobody waits for when the process is idle. */
  readonly collect: () => void;
  /** Gives up compiled code, and collects. What runs again is compiled again: the first request after it is slower. */
  readonly forgetCode: () => void;
  /** Lets go of the pages of the executable: what runs again is mapped again, for microseconds. */
  readonly dropProgram: () => void;
  /** Runs a function every `ms` until the returned function is called. */
  readonly every: (ms: number, run: () => void) => () => void;
}

const TICK_MS = 3_000;
/** At rest: less than half a per cent of a core within a tick. */
const REST_CPU_MS = 15;
/** As much work as leaves garbage worth collecting. */
const WORK_CPU_MS = 30;
/** As much as leaves code worth giving up: what compiling it again costs is little beside that. */
const CODE_CPU_MS = 100;
/** Work that pauses for less than that is likely to go on with the same code. */
const LONG_REST_TICKS = 5;

/** Collects once after each stretch of work, when it is over. Returns a function that ends it. */
export function collectAtRest({ cpuMs, collect, forgetCode, dropProgram, every }: RestEffects): () => void {
  let last = cpuMs();
  let rested = 0;
  let collectedAt = 0;
  /** The start's code is never needed again. */
  let forgottenAt: number | undefined;
  let started = false;
  return every(TICK_MS, () => {
    if (!started) dropProgram();
    started = true;
    const current = cpuMs();
    rested = current - last < REST_CPU_MS ? rested + 1 : 0;
    last = current;
    if (rested === 0) return;
    if (forgottenAt === undefined || (rested >= LONG_REST_TICKS && current - forgottenAt >= CODE_CPU_MS)) {
      forgetCode();
      forgottenAt = cpuMs();
    } else if (current - collectedAt < WORK_CPU_MS) return;
    else collect();
    dropProgram();
    last = cpuMs();
    collectedAt = last;
  });
}
