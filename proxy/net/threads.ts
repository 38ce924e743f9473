/** The threads of this process, as the kernel schedules them: sched(7), proc_pid_task(5). */
import { dlopen } from "bun:ffi";
import { readdirSync, readFileSync } from "node:fs";

export interface Threads {
  /** Ids of this process's threads. */
  list(): readonly string[];
  /** The thread's name, undefined when it is gone. */
  name(id: string): string | undefined;
  /** Lets it run only when nothing else wants to. */
  yieldToAll(id: string): void;
  /** How long the loop's thread has worked or waited for a core to work on, in ms. */
  busyMs(): number;
}

const SCHED_IDLE = 5;
const TASKS = "/proc/self/task";
/** Nanoseconds on a core, nanoseconds of waiting for one, and how often; not there in a kernel without CONFIG_SCHED_INFO. */
const LOOP = `${TASKS}/${process.pid}/schedstat`;

/** A system that does not allow the change leaves them as they are. */
export function ownThreads(): Threads {
  const libc = dlopen("libc.so.6", {
    sched_setscheduler: { args: ["i32", "i32", "ptr"], returns: "i32" },
  } as const);
  /** `struct sched_param`: a priority, which must be 0 here. */
  const parameters = new Int32Array(1);
  return {
    list: () => readdirSync(TASKS),
    name(id) {
      try {
        return readFileSync(`${TASKS}/${id}/comm`, "latin1").trimEnd();
      } catch {
        return undefined;
      }
    },
    yieldToAll(id) {
      libc.symbols.sched_setscheduler(Number(id), SCHED_IDLE, parameters);
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
