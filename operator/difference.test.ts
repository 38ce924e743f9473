import fc from "fast-check";
import { expect, describe as group, it } from "vitest";
import { describe, findDifference } from "./difference.ts";

group("a wanted object and a live one", () => {
  it.each<[string, unknown, unknown]>([
    ["alike", { a: [1, { b: "x" }] }, { a: [1, { b: "x" }] }],
    ["with defaults filled in", { a: [{ b: 1 }] }, { a: [{ b: 1, c: "default" }], d: true }],
    ["where an empty map was dropped", { a: { requests: {} } }, { a: {} }],
  ])("%s do not differ", (_name, wanted, live) => {
    expect(findDifference(wanted, live)).toBeUndefined();
  });

  it.each<[string, unknown, unknown, string]>([
    ["another value", { a: { b: 1 } }, { a: { b: 2 } }, "a.b: found 2, expected 1"],
    ["a missing field", { a: { b: 1 } }, { a: {} }, "a.b: found nothing, expected 1"],
    ["a longer list", { a: [1] }, { a: [1, 2] }, "a: found [1,2], expected [1]"],
    ["another order", { a: [1, 2] }, { a: [2, 1] }, "a[0]: found 2, expected 1"],
    ["an element's field", { a: [{ b: 1 }] }, { a: [{ b: 3 }] }, "a[0].b: found 3, expected 1"],
    ["no list", { a: [1] }, { a: { 0: 1 } }, 'a: found {"0":1}, expected [1]'],
    ["null for a map", { a: { b: 1 } }, { a: null }, 'a: found null, expected {"b":1}'],
    ["the same digits as text", { a: 1 }, { a: "1" }, 'a: found "1", expected 1'],
  ])("differ by %s, at its path", (_name, wanted, live, text) => {
    const difference = findDifference(wanted, live);
    expect(difference && describe(difference)).toBe(text);
  });

  it("never differ from themselves, nor with fields added", () => {
    const values = fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 3 }));
    fc.assert(
      fc.property(values, (wanted) => {
        expect(findDifference(wanted, structuredClone(wanted))).toBeUndefined();
        expect(findDifference(wanted, { ...wanted, "added by another": 1 })).toBeUndefined();
      }),
    );
  });

  it("cut long values short", () => {
    const text = describe({ path: "a", found: "x".repeat(500), expected: undefined });
    expect(text.length).toBeLessThan(150);
  });
});
