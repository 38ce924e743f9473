import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Unchunker } from "./content.ts";

describe("taking off chunk framing", () => {
  it("gives the data back, wherever the bytes are cut", () => {
    fc.assert(
      fc.property(
        fc.array(fc.string({ unit: "binary-ascii", minLength: 1, maxLength: 40 })),
        fc.array(fc.nat(300), { maxLength: 20 }),
        (data, cuts) => {
          const framed = Buffer.from(`${data.map(chunk).join("")}0\r\ntrailer: 1\r\n\r\n`, "latin1");
          const unchunker = new Unchunker();
          const bounds = [
            0,
            ...cuts.map((cut) => Math.min(cut, framed.length)).sort((a, b) => a - b),
            framed.length,
          ];
          const parts = bounds.slice(1).map((end, i) => unchunker.take(framed, bounds[i] ?? 0, end));
          expect(Buffer.concat(parts).toString("latin1")).toBe(data.join(""));
          expect(unchunker.trailers()?.header("trailer")).toBe("1");
        },
      ),
    );
  });

  it("does not mind sizes in capitals and extensions", () => {
    const data = new Unchunker().take(Buffer.from("A;name=value\r\n0123456789\r\n0\r\n\r\n"), 0, 33);
    expect(data.toString()).toBe("0123456789");
  });

  it.each([
    ["there are none", "0\r\n\r\n"],
    ["two of them contradict each other", "0\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n"],
  ])("gives no trailers when %s", (_why, framed) => {
    const unchunker = new Unchunker();
    unchunker.take(Buffer.from(framed), 0, framed.length);
    expect(unchunker.trailers()).toBeUndefined();
  });
});

/** A chunk of `data`. */
function chunk(data: string): string {
  return `${data.length.toString(16)}\r\n${data}\r\n`;
}
