import { type Clock, sleep } from "../kube/index.ts";
import { UsageError } from "./errors.ts";

const unitMs = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 } as const;
const pollMs = 300;

/** Milliseconds of `90s`, `5m`, `1h`; throws UsageError for anything else. */
export function parseTimeout(text: string): number {
  const match = /^(\d{1,6})(ms|s|m|h)$/.exec(text);
  if (match === null)
    throw new UsageError(`found --timeout ${text}; expected a number and a unit, such as 90s or 5m`);
  return Number(match[1]) * unitMs[match[2] as keyof typeof unitMs];
}

/** Asks again and again until `check` is true; answers whether that came within the time. */
export async function waitUntil(
  clock: Clock,
  timeoutMs: number,
  check: () => Promise<boolean>,
): Promise<boolean> {
  const deadline = clock.monotonic() + timeoutMs;
  for (;;) {
    if (await check()) return true;
    if (clock.monotonic() >= deadline) return false;
    await sleep(clock, pollMs);
  }
}
