import { describe, expect, it } from "vitest";
import { IdleConnections, type IdlePool } from "./idle-connections.ts";

/** Pools of names; what was evicted, in order. */
function setUp(most: number) {
  const evicted: string[] = [];
  let counted = 0;
  const all = new IdleConnections(most, () => counted++);
  const pool = (name: string) => {
    const idle: string[] = [];
    let opened = 0;
    const self = {
      evict() {
        const oldest = idle.shift();
        if (oldest === undefined) return false;
        evicted.push(oldest);
        all.removed();
        return true;
      },
      free() {
        idle.push(`${name}${++opened}`);
        all.added(self);
      },
      use() {
        idle.pop();
        all.removed();
      },
    } satisfies IdlePool & Record<string, unknown>;
    return self;
  };
  return { all, evicted, pool, counted: () => counted };
}

describe("idle connections of all pools", () => {
  it("stay as long as there are not too many", () => {
    const { all, evicted, pool } = setUp(3);
    const [a, b] = [pool("a"), pool("b")];
    for (const each of [a, b, a]) each.free();
    expect([all.count, evicted]).toEqual([3, []]);
  });

  it("make way in the order in which their pools came to have some, the oldest of each first", () => {
    const { all, evicted, pool, counted } = setUp(3);
    const [a, b] = [pool("a"), pool("b")];
    for (const each of [a, a, b, b, b, b, b]) each.free();
    expect(evicted).toEqual(["a1", "a2", "b1", "b2"]);
    expect([all.count, counted()]).toEqual([3, 4]);
  });

  it("that are in use do not count, and a pool without any is passed over", () => {
    const { all, evicted, pool } = setUp(2);
    const [a, b] = [pool("a"), pool("b")];
    a.free();
    a.use();
    for (let times = 0; times < 3; times++) b.free();
    expect([all.count, evicted]).toEqual([2, ["b1"]]);
  });

  it("of a pool that has given up its last come behind the others", () => {
    const { evicted, pool } = setUp(1);
    const [a, b] = [pool("a"), pool("b")];
    a.free();
    b.free();
    b.free();
    a.free();
    expect(evicted).toEqual(["a1", "b1", "b2"]);
  });

  it("have no bound where nobody knows what memory there is", () => {
    const { all, evicted, pool } = setUp(Number.POSITIVE_INFINITY);
    const a = pool("a");
    for (let times = 0; times < 10_000; times++) a.free();
    expect([all.count, evicted]).toEqual([10_000, []]);
  });
});
