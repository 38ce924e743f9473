import type { Clock } from "../kube/index.ts";

/** Says what is being done, each line with the time since the start; a line that says nothing new is left out. */
export interface Progress {
  step(message: string): void;
  elapsedMs(): number;
}

export function createProgress(clock: Clock, err: (text: string) => void): Progress {
  const start = clock.monotonic();
  let last = "";
  const elapsedMs = () => clock.monotonic() - start;
  return {
    elapsedMs,
    step(message) {
      if (message === last) return;
      last = message;
      const seconds = Math.floor(elapsedMs() / 1000);
      err(`[${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}] ${message}\n`);
    },
  };
}
