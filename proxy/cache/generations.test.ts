import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Generations } from "./generations.ts";

describe("a map in generations", () => {
  it("keeps what is used while others come and go", () => {
    const map = new Generations<number, string>(10);
    map.set(-1, "kept");
    for (let key = 0; key < 1_000; key++) {
      map.set(key, "passing");
      expect(map.get(-1)).toBe("kept");
    }
    expect(map.get(0)).toBeUndefined();
  });

  it("forgets what is deleted, old or young", () => {
    const map = new Generations<number, number>(2);
    for (const key of [1, 2, 3]) map.set(key, key);
    map.delete(1);
    map.delete(3);
    expect([map.get(1), map.get(2), map.get(3)]).toEqual([undefined, 2, undefined]);
  });

  it("does not keep what is heavier than a generation", () => {
    const map = new Generations<string, string>(10, (key) => key.length);
    map.set("x".repeat(11), "too heavy");
    expect(map.size).toBe(0);
  });

  it("never weighs more than twice its limit, and never answers with another key's value", () => {
    const steps = fc.array(
      fc.record({ key: fc.integer({ min: 0, max: 40 }), kind: fc.constantFrom("get", "set", "delete") }),
      { maxLength: 300 },
    );
    fc.assert(
      fc.property(steps, fc.integer({ min: 1, max: 12 }), (given, limit) => {
        const map = new Generations<number, number>(limit);
        for (const { key, kind } of given) {
          if (kind === "set") map.set(key, key * 7);
          else if (kind === "delete") map.delete(key);
          else expect([undefined, key * 7]).toContain(map.get(key));
          if (kind === "set") expect(map.get(key)).toBe(key * 7);
          if (kind === "delete") expect(map.get(key)).toBeUndefined();
          expect(map.size).toBeLessThanOrEqual(2 * limit);
        }
      }),
    );
  });
});
