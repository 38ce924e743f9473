import { describe, expect, it } from "vitest";
import { ByteQueue } from "./byte-queue.ts";

describe("ByteQueue", () => {
  it.each([5, 2_048, 2_049, 5_000])(
    "keeps %i bytes without the large chunk that they are a part of",
    (size) => {
      const chunk = Buffer.alloc(64 * 1024, 7);
      const queue = new ByteQueue();
      const piece = chunk.subarray(100, 100 + size);
      queue.push(piece, 0, piece.length);
      const taken = queue.take(size);
      expect(taken?.equals(piece)).toBe(true);
      expect(taken?.buffer).not.toBe(chunk.buffer);
    },
  );

  it("does not copy what is most of its chunk", () => {
    const chunk = Buffer.alloc(64 * 1024, 7);
    const queue = new ByteQueue();
    queue.push(chunk, 9, chunk.length);
    expect(queue.take(chunk.length)?.buffer).toBe(chunk.buffer);
  });

  it("hands on in order what came in pieces of any size", () => {
    const queue = new ByteQueue();
    const sizes = [1, 200, 100, 3_000, 10, 2_048, 2_048, 70];
    for (const [index, size] of sizes.entries()) queue.push(Buffer.alloc(size, index), 0, size);
    const all: Buffer[] = [];
    for (let piece = queue.take(500); piece !== undefined; piece = queue.take(500)) all.push(piece);
    const expected = Buffer.concat(sizes.map((size, index) => Buffer.alloc(size, index)));
    expect(Buffer.concat(all).equals(expected)).toBe(true);
    expect(queue.length).toBe(0);
  });
});
