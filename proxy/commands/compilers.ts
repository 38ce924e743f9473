/**
 * The runtime compiles hot code on threads of its own. On a core that they share with the loop, the kernel gives them a whole
 * time slice, milliseconds, while requests wait: at a low rate that was the tail of the latency. They are told to run
 * when nothing else of this process wants the core (SCHED_IDLE, sched(7)); code is hot a little later. A loop that has no time
 * to spare would leave them none, and faster code is what it needs: while it is that busy, they are left as they are.
 */
import type { Threads } from "../net/threads.ts";

/** What JavaScriptCore names its compiler threads; its collector's threads, which the loop waits for, are left alone. */
const COMPILER = "JITWorker";
/** The share of its time that the loop works or waits to work, from which on it has none to spare. */
const SATURATED = 0.8;

/** The result demotes the compiler threads that have come since its last call: the runtime starts and ends them as it needs them. */
export function createCompilerDemotion(threads: Threads, now: () => number): () => void {
  let seen = new Set<string>();
  let own: string | undefined;
  let lookedAt = now();
  let busy = threads.busyMs();
  return () => {
    const passed = now() - lookedAt;
    const work = threads.busyMs() - busy;
    lookedAt += passed;
    busy += work;
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
          if (work > SATURATED * passed) continue;
          threads.yieldToAll(id);
        }
      }
      current.add(id);
    }
    seen = current;
  };
}
