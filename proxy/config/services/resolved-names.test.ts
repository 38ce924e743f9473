import { describe, expect, it } from "vitest";
import type { Answer } from "../../net/resolve.ts";
import { FakeClock } from "../clock.fake.ts";
import { Names } from "./resolved-names.ts";

/** A resolver that the test answers for, and time by hand. */
function setup() {
  const clock = new FakeClock();
  const asked: { name: string; answer: (...addresses: string[]) => void; fail: () => void }[] = [];
  let changes = 0;
  const failures: string[] = [];
  let ttlMs = 0;
  const names = new Names({
    clock,
    random: () => 1,
    changed: () => void changes++,
    failed: (name, error, addresses) => failures.push(`${name} (${addresses.length}): ${error}`),
    resolve: (name) =>
      new Promise<readonly Answer[]>((resolve, reject) => {
        asked.push({
          name,
          answer: (...addresses) => resolve(addresses.map((address) => ({ address, ttlMs }))),
          fail: () => reject(new Error("SERVFAIL")),
        });
      }),
  });
  return {
    names,
    clock,
    asked,
    changes: () => changes,
    failures,
    ttl: (ms: number) => {
      ttlMs = ms;
    },
    last: () => asked.at(-1) ?? expect.fail("nothing was asked"),
  };
}

describe("a name", () => {
  it("is asked for once, whoever looks, and settles with its answer", async () => {
    const { names, clock, asked, changes, last } = setup();
    expect(names.of("db.example.com")).toMatchObject({ addresses: [], settled: false });
    names.of("db.example.com");
    expect(asked).toHaveLength(1);
    last().answer("192.0.2.1", "192.0.2.2");
    await clock.advance(0);
    expect(names.of("db.example.com")).toMatchObject({
      addresses: ["192.0.2.1", "192.0.2.2"],
      settled: true,
    });
    expect(changes()).toBe(1);
  });

  it("is asked for again after a minute; the same addresses in another order are no change", async () => {
    const { names, clock, asked, changes, last } = setup();
    const name = names.of("db.example.com");
    last().answer("192.0.2.1", "192.0.2.2");
    await clock.advance(59_999);
    const before = name.addresses;
    expect(asked).toHaveLength(1);
    await clock.advance(1);
    expect(asked).toHaveLength(2);
    last().answer("192.0.2.2", "192.0.2.1");
    await clock.advance(0);
    expect(name.addresses).toBe(before);
    expect(changes()).toBe(1);
  });

  it("keeps the place of addresses that stay", async () => {
    const { names, clock, last } = setup();
    const name = names.of("db.example.com");
    last().answer("192.0.2.1", "192.0.2.2");
    await clock.advance(60_000);
    last().answer("192.0.2.3", "192.0.2.2");
    await clock.advance(0);
    expect(name.addresses).toEqual(["192.0.2.2", "192.0.2.3"]);
  });

  it.each([
    [30_000, 30_000],
    [1_000, 5_000],
    [600_000, 60_000],
  ])("whose answer lives for %d ms is asked for again after %d", async (ttl, ms) => {
    const { names, clock, asked, last, ...rest } = setup();
    rest.ttl(ttl);
    names.of("db.example.com");
    last().answer("192.0.2.1");
    await clock.advance(ms - 1);
    expect(asked).toHaveLength(1);
    await clock.advance(1);
    expect(asked).toHaveLength(2);
  });

  it("keeps its last addresses while nobody answers, and is asked for again, ever less often", async () => {
    const { names, clock, asked, changes, last } = setup();
    const name = names.of("db.example.com");
    last().answer("192.0.2.1");
    await clock.advance(60_000);
    last().fail();
    await clock.advance(1_000);
    expect(asked).toHaveLength(3);
    last().fail();
    await clock.advance(1_999);
    expect(asked).toHaveLength(3);
    await clock.advance(1);
    expect(asked).toHaveLength(4);
    expect([name.addresses, changes()]).toEqual([["192.0.2.1"], 1]);
  });

  it("that fails is told of once, until it has been answered again", async () => {
    const { names, clock, failures, last } = setup();
    names.of("db.example.com");
    last().fail();
    await clock.advance(1_000);
    last().fail();
    await clock.advance(2_000);
    last().answer("192.0.2.1");
    await clock.advance(60_000);
    await clock.advance(10_000);
    expect(failures).toEqual([
      "db.example.com (0): Error: SERVFAIL",
      "db.example.com (1): not answered within 10000 ms",
    ]);
  });

  it("has none when the answer is that there is none", async () => {
    const { names, clock, changes, last } = setup();
    const name = names.of("db.example.com");
    last().answer("192.0.2.1");
    await clock.advance(60_000);
    last().answer();
    await clock.advance(0);
    expect([name.addresses, changes()]).toEqual([[], 2]);
  });

  it("settles without addresses when it is not answered in time, and a late answer does not count", async () => {
    const { names, clock, asked, last } = setup();
    const name = names.of("db.example.com");
    const first = last();
    await clock.advance(9_999);
    expect(name.settled).toBe(false);
    await clock.advance(1);
    expect(name).toMatchObject({ settled: true, addresses: [] });
    first.answer("192.0.2.9");
    await clock.advance(1_000);
    expect(name.addresses).toEqual([]);
    expect(asked).toHaveLength(2);
  });

  it("is not asked for any more when nobody has a use for it", async () => {
    const { names, clock, asked, last } = setup();
    names.of("db.example.com");
    names.of("old.example.com");
    last().answer("192.0.2.1");
    await clock.advance(0);
    names.keepOnly(new Set(["db.example.com"]));
    await clock.advance(9_999);
    expect(asked.map(({ name }) => name)).toEqual(["db.example.com", "old.example.com"]);
    names.close();
    expect(clock.pending).toBe(0);
  });

  it("of which an answer has thousands of addresses has 256", async () => {
    const { names, clock, last } = setup();
    const name = names.of("db.example.com");
    last().answer(...Array.from({ length: 5_000 }, (_, i) => `10.0.${i >> 8}.${i & 255}`));
    await clock.advance(0);
    expect(name.addresses).toHaveLength(256);
  });
});
