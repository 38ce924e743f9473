import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createLineSplitter } from "./lines.ts";

const bytes = (text: string) => Buffer.from(text);

describe("the line splitter", () => {
  it("yields the same lines however the bytes are cut", () => {
    const line = fc.string({ unit: "grapheme", minLength: 1 }).filter((text) => !text.includes("\n"));
    fc.assert(
      fc.property(
        fc.array(line),
        fc.array(fc.integer({ min: 1, max: 7 }), { minLength: 1 }),
        (lines, cuts) => {
          const input = bytes(lines.map((text) => `${text}\n`).join(""));
          const split = createLineSplitter();
          const out: string[] = [];
          for (let at = 0, n = 0; at < input.length; n++) {
            const size = cuts[n % cuts.length] ?? 1;
            out.push(...split(input.subarray(at, at + size)));
            at += size;
          }
          expect(out).toEqual(lines.map((text) => bytes(text).toString()));
        },
      ),
    );
  });

  it("keeps a line that has not ended, and drops empty ones", () => {
    const split = createLineSplitter();
    expect(split(bytes("\n\nab"))).toEqual([]);
    expect(split(bytes("c\nd"))).toEqual(["abc"]);
  });

  it.each([
    ["in one chunk", ["0123456789a\n"]],
    ["over several", ["01234", "56789", "a"]],
    ["without an end", ["0123456789a"]],
  ])("refuses a line longer than the limit, %s", (_how, chunks) => {
    const split = createLineSplitter(10);
    expect(() => {
      for (const chunk of chunks) split(bytes(chunk));
    }).toThrow("11 bytes long; at most 10 are accepted");
  });
});
