import { describe, expect, it } from "vitest";
import { createFakeClock } from "./clock.fake.ts";
import { createWorkQueue } from "./workqueue.ts";

const open = (rate = { perSecond: 10, burst: 100 }) => {
  const clock = createFakeClock();
  return { clock, queue: createWorkQueue({ clock, rate, baseDelayMs: 5, maxDelayMs: 1000 }) };
};

describe("the work queue", () => {
  it("holds a key once, however often it is added, in order of arrival", async () => {
    const { queue } = open();
    for (const key of ["a", "b", "a", "a"]) queue.add(key);
    expect(queue.depth).toBe(2);
    expect([await queue.get(), await queue.get()]).toEqual(["a", "b"]);
    expect(queue.depth).toBe(0);
  });

  it("hands out urgent keys before all others, also one that was waiting already", async () => {
    const { queue } = open();
    for (const key of ["a", "b", "c"]) queue.add(key);
    queue.add("d", true);
    queue.add("b", true);
    queue.add("b");
    expect(queue.depth).toBe(4);
    expect([await queue.get(), await queue.get(), await queue.get(), await queue.get()]).toEqual([
      "d",
      "b",
      "a",
      "c",
    ]);
  });

  it("hands a key that was added during its work out again, but only when that work is done", async () => {
    const { queue } = open();
    queue.add("a");
    await queue.get();
    queue.add("a");
    queue.add("a");
    expect(queue.depth).toBe(0);
    queue.done("a");
    expect(queue.depth).toBe(1);
    await queue.get();
    queue.done("a");
    expect(queue.depth).toBe(0);
  });

  it("gives a waiting worker a key as soon as it is added", async () => {
    const { queue } = open();
    const waiting = queue.get();
    queue.add("a");
    expect(await waiting).toBe("a");
  });

  it("adds a delayed key when its time comes, the earlier of two times counting", async () => {
    const { clock, queue } = open();
    queue.addAfter("a", 500);
    queue.addAfter("a", 100);
    queue.addAfter("a", 900);
    await clock.advance(99);
    expect(queue.depth).toBe(0);
    await clock.advance(1);
    expect(queue.depth).toBe(1);
    await queue.get();
    queue.done("a");
    await clock.advance(1000);
    expect(queue.depth).toBe(0);
  });

  it("doubles a key's delay with each failure up to the maximum, until it is forgotten", async () => {
    const { clock, queue } = open();
    const delays: number[] = [];
    for (let n = 0; n < 10; n++) {
      const before = clock.monotonic();
      queue.retry("a");
      while (queue.depth === 0) await clock.advance(1);
      delays.push(clock.monotonic() - before);
      await queue.get();
      queue.done("a");
    }
    expect(delays).toEqual([5, 10, 20, 40, 80, 160, 320, 640, 1000, 1000]);
    expect(queue.failures("a")).toBe(10);
    queue.forget("a");
    expect(queue.failures("a")).toBe(0);
    queue.retry("a");
    await clock.advance(5);
    expect(queue.depth).toBe(1);
  });

  it("keeps retries of many keys within the overall rate", async () => {
    const { clock, queue } = open({ perSecond: 10, burst: 5 });
    for (let n = 0; n < 25; n++) queue.retry(`key-${n}`);
    await clock.advance(10);
    expect(queue.depth).toBe(5);
    await clock.advance(1000);
    expect(queue.depth).toBe(15);
    await clock.advance(1000);
    expect(queue.depth).toBe(25);
  });

  it("sends workers home when it closes, and starts no timer after", async () => {
    const { clock, queue } = open();
    const waiting = [queue.get(), queue.get()];
    queue.addAfter("late", 100);
    queue.close();
    expect(await Promise.all(waiting)).toEqual([undefined, undefined]);
    queue.add("a");
    expect(await queue.get()).toBeUndefined();
    expect(clock.pending).toBe(0);
  });
});
