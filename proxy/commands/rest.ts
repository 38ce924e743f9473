/**
 * Gives memory back when the proxy comes to rest. The runtime's collector runs as objects are made: a proxy that falls idle
 * would keep the garbage of its last work, in every pod, until it works again; and what the runtime has compiled, and all that
 * has ever run of the runtime itself, for good.
 *
 * Garbage goes as soon as the process does little. Code goes, too, unless the proxy has carried a request a second over the
 * last minutes: such a service would be served by slow code each time, for the seconds that compiling it again takes beside other
 * work. Few requests are served by slow code either way; changes of the cluster around an idle proxy, as well.
 */

export interface RestEffects {
  /** CPU time of this process so far, in ms. */
  readonly cpuMs: () => number;
  /** Grows with what the proxy carries, in requests: not with probes, scrapes and changes of its configuration. */
  readonly carried: () => number;
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
/** As much work as leaves something worth giving back. */
const WORK_CPU_MS = 30;
/** Code is kept for who carries 300 requests within 100 ticks: one a second in five minutes. */
const KEPT_FROM = 300;
const KEPT_TICKS = 100;

/** Gives back once after each stretch of work, when it is over. Returns a function that ends it. */
export function collectAtRest(effects: RestEffects): () => void {
  const { cpuMs, carried, collect, forgetCode, dropProgram, every } = effects;
  let last = cpuMs();
  /** What was carried by the end of each of the last ticks, the oldest first. */
  const past = [carried()];
  /** The start leaves code that is never needed again. */
  let gaveBackAt = Number.NEGATIVE_INFINITY;
  let keptCode = false;
  let started = false;
  return every(TICK_MS, () => {
    if (!started) dropProgram();
    started = true;
    const current = cpuMs();
    const isBusy = current - last >= REST_CPU_MS;
    last = current;
    const total = carried();
    const recent = total - (past[0] ?? 0);
    past.push(total);
    if (past.length > KEPT_TICKS) past.shift();
    if (isBusy) return;
    const isUsed = recent >= KEPT_FROM;
    const hasWorked = current - gaveBackAt >= WORK_CPU_MS;
    if (!hasWorked && (isUsed || !keptCode)) return;
    if (isUsed) collect();
    else forgetCode();
    keptCode = isUsed;
    dropProgram();
    last = cpuMs();
    gaveBackAt = last;
  });
}
