/** Waiting for what happens in its own time. */
import { setTimeout as sleep } from "node:timers/promises";

export interface Pace {
  /** How long `probe` may take to be true, in ms. */
  readonly timeoutMs: number;
  readonly everyMs: number;
}

/** Asks until `probe` gives something other than undefined or false; the last error is part of the failure. */
export async function poll<T>(
  what: string,
  probe: () => Promise<T | undefined | false> | T | undefined | false,
  { timeoutMs, everyMs }: Pace,
): Promise<T> {
  const end = Date.now() + timeoutMs;
  let last: unknown = "never true";
  for (;;) {
    try {
      const value = await probe();
      if (value !== undefined && value !== false) return value;
    } catch (error) {
      last = error;
    }
    if (Date.now() > end) break;
    await sleep(everyMs);
  }
  throw new Error(`${what} within ${timeoutMs} ms: ${last instanceof Error ? last.message : String(last)}`);
}

/** Waits for a condition by asking again; throws after `timeoutMs` with what `describe` says. */
export async function eventually(
  condition: () => boolean | Promise<boolean>,
  timeoutMs = 5_000,
  describe: () => string = () => "",
): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`not within ${timeoutMs} ms; ${describe()}`);
    await sleep(5);
  }
}
