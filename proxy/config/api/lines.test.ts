import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { lineBatches } from "./lines.ts";

async function* chunked(chunks: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* chunks;
}

async function collect(chunks: readonly Uint8Array[], maxBytes = 1_000): Promise<string[][]> {
  const batches: string[][] = [];
  for await (const lines of lineBatches(chunked(chunks), maxBytes))
    batches.push(lines.map((line) => Buffer.from(line).toString()));
  return batches;
}

describe("lines of a stream", () => {
  it("come out whole, wherever the bytes are cut", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.string({ unit: "grapheme" }).filter((line) => !line.includes("\n") && line !== "")),
        fc.array(fc.nat(500)),
        async (lines, cuts) => {
          const whole = Buffer.from(lines.map((line) => `${line}\n`).join(""));
          const bounds = [
            0,
            ...cuts.map((cut) => Math.min(cut, whole.length)).sort((a, b) => a - b),
            whole.length,
          ];
          const chunks = bounds.slice(1).map((end, i) => whole.subarray(bounds[i], end));
          expect((await collect(chunks, 100_000)).flat()).toEqual(lines);
        },
      ),
    );
  });

  it("that arrive together come out together", async () => {
    const chunks = ["one\ntw", "o\nthree\nfou", "r"].map((text) => Buffer.from(text));
    expect(await collect(chunks)).toEqual([["one"], ["two", "three"]]);
  });

  it("give their memory and that of the chunks back once the next batch is asked for", async () => {
    const large = (text: string) => {
      const chunk = Buffer.from(new ArrayBuffer(text.length));
      chunk.write(text);
      return chunk;
    };
    const text = "x".repeat(20_000);
    const chunks = [large(text), large(`${text}\n${text}`), large(`${text}\n`)];
    const lines: Uint8Array[] = [];
    for await (const batch of lineBatches(chunked(chunks), 100_000)) {
      expect(batch.map((line) => Buffer.from(line).toString())).toEqual([text + text]);
      lines.push(...batch);
    }
    expect([...chunks, ...lines].map(({ length }) => length)).toEqual([0, 0, 0, 0, 0]);
  });

  it.each([[["x".repeat(11)]], [["x".repeat(6), "y".repeat(6)]], [["x".repeat(11), "\n"]]])(
    "that are too long are refused before they are whole: %#",
    async (texts) => {
      await expect(
        collect(
          texts.map((text) => Buffer.from(text)),
          10,
        ),
      ).rejects.toThrow("WEFT_CONFIG_TOO_LARGE");
    },
  );
});
