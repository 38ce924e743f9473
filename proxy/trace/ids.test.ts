import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { newIdLines, requestIdOf } from "./ids.ts";
import { RANDOM, RandomBlock } from "./random-block.ts";

const UUID = "[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}";
const form = new RegExp(
  `^(?:x-request-id: (${UUID})\r\n)?(?:traceparent: 00-([0-9a-f]{32})-([0-9a-f]{16})-00\r\n)?$`,
);
const filledWith = (byte: number) => new RandomBlock((block) => block.fill(byte));
const both = (random: RandomBlock) => newIdLines(random, true, true);

describe("new ids", () => {
  it("are valid lines of what is asked for, whatever is drawn", () => {
    const bytes = fc.uint8Array({ minLength: 1, maxLength: 64 });
    fc.assert(
      fc.property(bytes, fc.boolean(), fc.boolean(), (drawn, requestId, trace) => {
        const random = new RandomBlock((block) => {
          for (let at = 0; at < block.length; at++) block[at] = drawn[at % drawn.length] ?? 0;
        });
        const lines = newIdLines(random, requestId, trace);
        const [, id, traceId, parentId] = form.exec(lines) ?? [];
        expect([id !== undefined, traceId !== undefined]).toEqual([requestId, trace]);
        expect(requestIdOf(lines)).toBe(id ?? "");
        expect(traceId ?? "1").not.toMatch(/^0+$/);
        expect(parentId ?? "1").not.toMatch(/^0+$/);
      }),
    );
  });

  it.each([
    [0x00, "00000000-0000-4000-8000-000000000000", `${"0".repeat(31)}1`, `${"0".repeat(15)}1`],
    [0xff, "ffffffff-ffff-4fff-bfff-ffffffffffff", "f".repeat(32), "f".repeat(16)],
  ])("of bytes 0x%x keep the UUID's version and are never zeros alone", (byte, uuid, trace, parent) => {
    expect(both(filledWith(byte))).toBe(`x-request-id: ${uuid}\r\ntraceparent: 00-${trace}-${parent}-00\r\n`);
  });

  it("show every byte that is drawn, in order", () => {
    const counting = new RandomBlock((block) => block.set(block.map((_, at) => at & 0xff)));
    expect(both(counting)).toBe(
      "x-request-id: 00010203-0405-4607-8809-0a0b0c0d0e0f\r\n" +
        "traceparent: 00-101112131415161718191a1b1c1d1e1f-2021222324252627-00\r\n",
    );
  });

  it("are others for the next request, across blocks", () => {
    const parts = Array.from({ length: 5_000 }, () => form.exec(both(RANDOM))?.slice(1) ?? []).flat();
    expect(new Set(parts).size).toBe(15_000);
  });
});

describe("a block of random bytes", () => {
  it("gives each byte once, and asks for the next block when too few are left, not before", () => {
    let fills = 0;
    const random = new RandomBlock((bytes) => bytes.fill(++fills));
    expect(fills).toBe(0);
    const taken = Array.from({ length: 204 }, () => random.take(20));
    expect(taken).toEqual(Array.from({ length: 204 }, (_, i) => i * 20));
    expect([random.take(16), fills]).toEqual([4080, 1]);
    expect([random.take(1), fills]).toEqual([0, 2]);
    expect([random.take(4096), fills]).toEqual([0, 3]);
  });
});
