import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { maximumEndpointsPerPart, spread } from "./slices.ts";

const self = (address: string) => address;
const addresses = (count: number) => Array.from({ length: count }, (_, i) => `10.1.${i >> 8}.${i & 255}`);
const address = fc.ipV4();
const many = fc.uniqueArray(address, { minLength: 1, maxLength: 400 });

describe("spreading endpoints over parts", () => {
  it.each([
    { count: 0, parts: 0 },
    { count: 1, parts: 1 },
    { count: 100, parts: 1 },
    { count: 101, parts: 2 },
  ])("$count endpoints make $parts parts", ({ count, parts }) => {
    expect(spread(addresses(count), self)).toHaveLength(parts);
  });

  it("loses none, doubles none, and fills no part beyond its limit", () => {
    fc.assert(
      fc.property(many, (all) => {
        const parts = spread(all, self);
        expect(parts.flat().sort()).toEqual([...all].sort());
        expect(parts.every((part) => part.length <= maximumEndpointsPerPart)).toBe(true);
      }),
    );
  });

  it("rewrites one part when one endpoint goes or comes, unless their number changes", () => {
    fc.assert(
      fc.property(many, fc.nat(), (all, pick) => {
        const gone = all[pick % all.length];
        const before = spread(all, self);
        const after = spread(
          all.filter((one) => one !== gone),
          self,
        );
        fc.pre(before.length === after.length);
        const changed = before.filter((part, i) => JSON.stringify(part) !== JSON.stringify(after[i]));
        expect(changed).toHaveLength(1);
      }),
    );
  });

  it("needs few parts for addresses as networks give them out", () => {
    for (const count of [150, 400, 1000, 5000])
      expect(spread(addresses(count), self).length).toBeLessThanOrEqual((4 * count) / 100);
  });

  it("still ends when addresses were made to collide", () => {
    const parts = spread(addresses(500), () => "the same");
    expect(parts).toHaveLength(5);
  });
});
