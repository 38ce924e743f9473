import { describe, expect, it } from "vitest";
import { readConcurrency, readNumber, readOptions, UsageError } from "./options.ts";

describe("options", () => {
  it("are read in any order", () => {
    const options = readOptions(
      ["--concurrency", "2", "--config", "/etc/weft"],
      ["--config", "--concurrency"],
    );
    expect([options.get("--config"), options.get("--concurrency")]).toEqual(["/etc/weft", "2"]);
  });

  it.each([
    [["--config", "a", "--concurency", "3"], 'expected one of --config, --concurrency, found "--concurency"'],
    [["--config", "a", "b"], 'expected one of --config, --concurrency, found "b"'],
    [["--config"], "--config: expected a value, found nothing"],
    [["--config", "--concurrency", "2"], '--config: expected a value, found "--concurrency"'],
    [["--config", "a", "--config", "b"], "--config: expected once, found it twice"],
  ])("are refused: %j", (args, message) => {
    expect(() => readOptions(args, ["--config", "--concurrency"])).toThrow(new UsageError(message));
  });

  it.each(["many", "-1", "1.5", "257", "1e2", " 2"])("have no number of processes in %j", (text) => {
    expect(() => readConcurrency("--concurrency", text)).toThrow(
      `--concurrency: expected a whole number from 0 (one a core) to 256, found ${JSON.stringify(text)}`,
    );
  });

  it("have one process where nothing is said, and as many as are", () => {
    expect([undefined, "0", "1", "256"].map((text) => readConcurrency("WEFT_CONCURRENCY", text))).toEqual([
      1, 0, 1, 256,
    ]);
  });

  it("have numbers within their bounds", () => {
    expect(readNumber(new Map([["--timeout", "0.5"]]), "--timeout", 30, 60)).toBe(0.5);
    expect(readNumber(new Map(), "--timeout", 30, 60)).toBe(30);
    for (const text of ["61", "-1", "x", "1e1"]) {
      expect(() => readNumber(new Map([["--timeout", text]]), "--timeout", 30, 60)).toThrow(
        `--timeout: expected a number from 0 to 60, found "${text}"`,
      );
    }
  });
});
