/**
 * The runtime compiles hot code on threads of its own. On a core that they share with the loop, the kernel gives them a whole
 * time slice, milliseconds, while requests wait: at a low rate that was the tail of the latency. They are told to run
 * when nothing else of this process wants the core (SCHED_IDLE, sched(7)); code is hot a little later.
 */
import type { Threads } from "../net/threads.ts";

/** What JavaScriptCore names its compiler threads; its collector's threads, which the loop waits for, are left alone. */
const COMPILER = "JITWorker";

/** The result demotes the compiler threads that have started since its last call: the runtime starts and ends them as it needs them. */
export function createCompilerDemotion(threads: Threads): () => void {
  let seen = new Set<string>();
  let own: string | undefined;
  return () => {
    const ids = threads.list();
    if (ids.length === seen.size && ids.every((id) => seen.has(id))) return;
    const now = new Set<string>();
    for (const id of ids) {
      if (!seen.has(id)) {
        const name = threads.name(id);
        own ??= name;
        // A thread bears its maker's name until it gives itself one.
        if (name === undefined || (name === own && now.size > 0)) continue;
        if (name === COMPILER) threads.yieldToAll(id);
      }
      now.add(id);
    }
    seen = now;
  };
}
