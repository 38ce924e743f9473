import { describe, expect, it } from "vitest";
import { createFakeClock } from "./clock.fake.ts";
import { type Reconcile, runController, TransientError, ValidationError } from "./controller.ts";
import { ApiError } from "./errors.ts";
import { silentLog } from "./log.ts";
import { noMetrics } from "./metrics-hooks.ts";
import { createWorkQueue } from "./workqueue.ts";

function run(reconcile: Reconcile<string>, workers = 1) {
  const clock = createFakeClock();
  const queue = createWorkQueue({ clock });
  const stop = new AbortController();
  const results: string[] = [];
  const metrics = { ...noMetrics, reconcile: (_name: string, result: string) => results.push(result) };
  const done = runController({
    name: "test",
    queue,
    reconcile,
    workers,
    log: silentLog,
    clock,
    metrics,
    signal: stop.signal,
  });
  const end = async () => {
    stop.abort();
    await done;
  };
  return { clock, queue, results, stop, done, end };
}
const failWith = (errors: readonly unknown[]) => {
  const calls: string[] = [];
  const left = [...errors];
  const reconcile = async (key: string) => {
    calls.push(key);
    const error = left.shift();
    if (error !== undefined) throw error;
  };
  return { calls, reconcile };
};

describe("a controller", () => {
  it("goes on with the next key after one has thrown, and takes the failed one up again", async () => {
    const { calls, reconcile } = failWith([new Error("boom")]);
    const { clock, queue, results, end } = run(reconcile);
    queue.add("bad");
    queue.add("good");
    await clock.advance(0);
    expect(calls).toEqual(["bad", "good"]);
    await clock.advance(5);
    expect(calls).toEqual(["bad", "good", "bad"]);
    expect(results).toEqual(["error", "success", "success"]);
    expect(queue.failures("bad")).toBe(0);
    await end();
  });

  it("does not retry what cannot work as it is", async () => {
    const { calls, reconcile } = failWith([new ValidationError("no such host")]);
    const { clock, queue, results, end } = run(reconcile);
    queue.add("a");
    await clock.advance(60_000);
    expect(calls).toEqual(["a"]);
    expect(results).toEqual(["invalid"]);
    await end();
  });

  it("takes a conflict up again within milliseconds, and counts no failure", async () => {
    const { calls, reconcile } = failWith([new ApiError("PUT x", 409, { reason: "Conflict" })]);
    const { clock, queue, results, end } = run(reconcile);
    queue.add("a");
    await clock.advance(20);
    expect(calls).toEqual(["a", "a"]);
    expect(results).toEqual(["conflict", "success"]);
    await end();
  });

  it("comes back when it is told to, by result or by error", async () => {
    const calls: number[] = [];
    const { clock, queue, end } = run(async () => {
      calls.push(clock.monotonic());
      if (calls.length === 1) return { requeueAfterMs: 300 };
      if (calls.length === 2) throw new TransientError("not yet", { retryAfterMs: 700 });
      return undefined;
    });
    queue.add("a");
    await clock.advance(5000);
    expect(calls).toEqual([0, 300, 1000]);
    await end();
  });

  it("works on as many keys at once as it has workers, never twice on one", async () => {
    let running = 0;
    let most = 0;
    const release: (() => void)[] = [];
    const { clock, queue, end } = run(async () => {
      most = Math.max(most, ++running);
      await new Promise<void>((resolve) => release.push(resolve));
      running--;
    }, 2);
    for (const key of ["a", "b", "c"]) queue.add(key);
    await clock.advance(0);
    queue.add("a");
    await clock.advance(0);
    expect([running, most]).toEqual([2, 2]);
    while (release.length > 0) {
      for (const go of release.splice(0)) go();
      await clock.advance(0);
    }
    expect(most).toBe(2);
    await end();
  });

  it("ends after the reconcile in hand, and starts no other", async () => {
    const calls: string[] = [];
    let release = () => {};
    const { clock, queue, stop, done } = run(async (key) => {
      calls.push(key);
      await new Promise<void>((resolve) => {
        release = resolve;
      });
    });
    queue.add("a");
    queue.add("b");
    await clock.advance(0);
    stop.abort();
    release();
    await done;
    expect(calls).toEqual(["a"]);
  });
});
