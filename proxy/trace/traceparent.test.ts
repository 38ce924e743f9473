import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { newTraceparent } from "./traceparent.ts";

const form = /^traceparent: 00-([0-9a-f]{32})-([0-9a-f]{16})-00\r\n$/;

describe("a new trace context", () => {
  it("is a valid line that says not sampled, whatever is drawn", () => {
    fc.assert(
      fc.property(
        fc.infiniteStream(fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true })),
        (draws) => {
          const match = form.exec(newTraceparent(() => draws.next().value));
          expect(match?.[1]).not.toMatch(/^0+$/);
          expect(match?.[2]).not.toMatch(/^0+$/);
          expect(match).not.toBeNull();
        },
      ),
    );
  });

  it("is never of zeros alone", () => {
    expect(newTraceparent(() => 0)).toBe(
      `traceparent: 00-00000001${"0".repeat(24)}-00000001${"0".repeat(8)}-00\r\n`,
    );
  });

  it("uses every bit of what is drawn", () => {
    expect(newTraceparent(() => 1 - 2 ** -32)).toBe(
      `traceparent: 00-${"f".repeat(32)}-${"f".repeat(16)}-00\r\n`,
    );
  });

  it("is another one for the next request", () => {
    const lines = new Set(Array.from({ length: 1000 }, () => newTraceparent(Math.random)));
    expect(lines.size).toBe(1000);
  });
});
