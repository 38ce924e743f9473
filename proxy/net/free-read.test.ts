import { describe, expect, it } from "vitest";
import { freeRead, WORTH_BYTES } from "./free-read.ts";

/** With memory of its own, as a read has. */
const read = (bytes: number) => Buffer.from(new ArrayBuffer(bytes));

describe("freeing what was read", () => {
  it("leaves nothing of a large read", () => {
    const chunk = read(WORTH_BYTES);
    freeRead(chunk);
    expect([chunk.length, chunk.buffer.byteLength]).toEqual([0, 0]);
  });

  it("leaves a small read to the collector", () => {
    const chunk = read(WORTH_BYTES - 1);
    freeRead(chunk);
    expect(chunk).toHaveLength(WORTH_BYTES - 1);
  });

  it("touches no memory that others have a part of", () => {
    const whole = read(4 * WORTH_BYTES);
    freeRead(whole.subarray(0, 2 * WORTH_BYTES));
    expect(whole).toHaveLength(4 * WORTH_BYTES);
    const shared = Buffer.from(new SharedArrayBuffer(WORTH_BYTES));
    freeRead(shared);
    expect(shared).toHaveLength(WORTH_BYTES);
  });
});
