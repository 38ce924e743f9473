/**
 * The runtime compiles hot code on threads of its own. On a core that they share with the loop, the kernel gives them a whole
 * time slice, milliseconds, while requests wait: at a low rate that was the tail of the latency. So while the loop is
 * calm they are made nice (sched(7)); code is hot a little later. A loop with much to do needs faster code: then those that come
 * are left as they are. There is no way back without privileges, until the runtime ends them after some idle seconds, so they
 * must not starve, either: behind everything else (SCHED_IDLE) they left a loop that load met at rest with slow code for
 * minutes.
 */
import type { Threads } from "../net/threads.ts";

/** What JavaScriptCore names its compiler threads; its collector's threads, which the loop waits for, are left alone. */
const COMPILER = "JITWorker";
/** Calm is a loop that was busy for no more than this share of its time, for so long. */
const CALM_SHARE = 0.3;
const CALM_MS = 1_000;

/** The result, called every now and then, demotes the compiler threads that have come since if the loop is calm. */
export function createCompilerDemotion(threads: Threads, now: () => number): () => void {
  let seen = new Set<string>();
  let own: string | undefined;
  let lookedAt: number | undefined;
  let busyMs = 0;
  let calmSince = 0;

  const isCalm = (): boolean => {
    const at = now();
    const busy = threads.busyMs();
    if (lookedAt === undefined || busy - busyMs > CALM_SHARE * (at - lookedAt)) calmSince = at;
    lookedAt = at;
    busyMs = busy;
    return at - calmSince >= CALM_MS;
  };

  return () => {
    const calm = isCalm();
    const ids = threads.list();
    if (ids.length === seen.size && ids.every((id) => seen.has(id))) return;
    const current = new Set<string>();
    for (const id of ids) {
      if (!seen.has(id)) {
        const name = threads.name(id);
        own ??= name;
        // A thread bears its maker's name until it gives itself one.
        if (name === undefined || (name === own && current.size > 0)) continue;
        if (name === COMPILER) {
          if (!calm) continue;
          threads.defer(id);
        }
      }
      current.add(id);
    }
    seen = current;
  };
}
