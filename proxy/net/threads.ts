/** The threads of this process, as the kernel schedules them: sched(7), proc_pid_task(5). */
import { dlopen } from "bun:ffi";
import { readdirSync, readFileSync } from "node:fs";

export interface Threads {
  /** Ids of this process's threads. */
  list(): readonly string[];
  /** The thread's name, undefined when it is gone. */
  name(id: string): string | undefined;
  /** Gives it a ninth of what another thread gets of a core that both want. */
  defer(id: string): void;
  /** How long the loop's thread has worked or waited for a core to work on, in ms. */
  busyMs(): number;
}

const PRIO_PROCESS = 0;
/** Its weight is a ninth of the usual one: it gives way at once to a thread that wakes, and starves behind none. */
const DEFERRED_NICE = 10;
const TASKS = "/proc/self/task";
/** Nanoseconds on a core, nanoseconds of waiting for one, and how often; not there in a kernel without CONFIG_SCHED_INFO. */
const LOOP = `${TASKS}/${process.pid}/schedstat`;

/** A system that does not allow the change leaves them as they are. */
export function ownThreads(): Threads {
  const libc = dlopen("libc.so.6", {
    setpriority: { args: ["i32", "i32", "i32"], returns: "i32" },
  } as const);
  return {
    list: () => readdirSync(TASKS),
    name(id) {
      try {
        return readFileSync(`${TASKS}/${id}/comm`, "latin1").trimEnd();
      } catch {
        return undefined;
      }
    },
    defer(id) {
      libc.symbols.setpriority(PRIO_PROCESS, Number(id), DEFERRED_NICE);
    },
    busyMs() {
      try {
        const [ran = "", waited = ""] = readFileSync(LOOP, "latin1").split(" ");
        return (Number(ran) + Number(waited)) / 1e6;
      } catch {
        return 0;
      }
    },
  };
}
