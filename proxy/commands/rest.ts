/**
 * Gives memory back when the proxy comes to rest. The runtime's collector runs as objects are made: a proxy that falls idle
 * would keep the garbage of its last work, in every pod, until it works again; and what the runtime has compiled, and all that
 * has ever run of the runtime itself, for good.
 *
 * Garbage goes as soon as the process does little. Code goes when the proxy has had nothing to do for minutes: what is called now
 * and then would be served by slow code each time, for the seconds that compiling it again takes beside other work.
 */

export interface RestEffects {
  /** CPU time of this process so far, in ms. */
  readonly cpuMs: () => number;
  /** Grows with what the proxy is for: traffic and changes of its configuration, not probes and scrapes. */
  readonly activity: () => number;
  /** A full collection; takes some milliseconds, which nobody waits for when the process is idle. */
  readonly collect: () => void;
  /** Gives up compiled code, and collects. What runs again is compiled again. */
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
/** A start and a few requests; what has worked more than that before its first rest has code that it needs again. */
const START_CPU_MS = 1_000;
/** As much as leaves code worth giving up: what compiling it again costs is little beside that. */
const CODE_CPU_MS = 100;
/** Without activity for that long, five minutes, code is given up. */
const UNUSED_TICKS = 100;

/** Collects once after each stretch of work, when it is over. Returns a function that ends it. */
export function collectAtRest(effects: RestEffects): () => void {
  const { cpuMs, activity, collect, forgetCode, dropProgram, every } = effects;
  let last = cpuMs();
  let active = activity();
  let unused = 0;
  let collectedAt = 0;
  /** When code was given up last, the start's first, which is never needed again. */
  let forgotten: { readonly cpu: number; readonly active: number } | undefined;
  let started = false;
  return every(TICK_MS, () => {
    if (!started) dropProgram();
    started = true;
    const current = cpuMs();
    const busy = current - last >= REST_CPU_MS;
    const before = active;
    last = current;
    active = activity();
    unused = active === before ? unused + 1 : 0;
    if (busy) return;
    const isStart = forgotten === undefined && current < START_CPU_MS;
    forgotten ??= { cpu: 0, active: 0 };
    const isCodeUseless =
      isStart ||
      (unused >= UNUSED_TICKS && active !== forgotten.active && current - forgotten.cpu >= CODE_CPU_MS);
    if (isCodeUseless) {
      forgetCode();
      forgotten = { cpu: cpuMs(), active };
    } else if (current - collectedAt < WORK_CPU_MS) return;
    else collect();
    dropProgram();
    last = cpuMs();
    collectedAt = last;
  });
}
