import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseDuration } from "./duration.ts";

describe("a Go duration", () => {
  test.each([
    ["0", 0n],
    ["1ns", 1n],
    ["1us", 1_000n],
    ["1µs", 1_000n],
    ["1ms", 1_000_000n],
    ["1.5s", 1_500_000_000n],
    [".5s", 500_000_000n],
    ["1.s", 1_000_000_000n],
    ["1h2m3s4ms", 3_723_004_000_000n],
    ["-1m", -60_000_000_000n],
    ["+1m", 60_000_000_000n],
    ["0.0000000001s", 0n],
    ["2540400h10m10s", 9_145_440_610_000_000_000n],
  ])("%s is %d ns", (text, nanoseconds) => expect(parseDuration(text)).toBe(nanoseconds));

  test.each([
    "",
    "1",
    "s",
    ".s",
    "1 s",
    "1d",
    "1e3s",
    "1s ",
    "--1s",
    "1h-1m",
    "3000000h",
    "9".repeat(70),
    "+",
    "1,5s",
  ])("%j is none", (text) => expect(parseDuration(text)).toBeUndefined());

  test("whole milliseconds are read back as written", () => {
    fc.assert(
      fc.property(fc.nat(), (milliseconds) => {
        expect(parseDuration(`${milliseconds}ms`)).toBe(BigInt(milliseconds) * 1_000_000n);
        expect(parseDuration(`${milliseconds / 1_000}s`)).toBe(BigInt(milliseconds) * 1_000_000n);
      }),
    );
  });
});
