import { describe, expect, it } from "vitest";
import { memoryBytes, partOfMemory } from "./memory.ts";

describe("the memory that a process may have", () => {
  it("is what the runtime is told, and has no bound when it is told nothing", () => {
    expect(memoryBytes({ BUN_JSC_forceRAMSize: "134217728" })).toBe(128 * 2 ** 20);
    for (const env of [{}, { BUN_JSC_forceRAMSize: "" }, { BUN_JSC_forceRAMSize: "much" }])
      expect(memoryBytes(env)).toBe(Number.POSITIVE_INFINITY);
  });

  it("is shared among processes, and nothing is made up where nothing is said", () => {
    expect(partOfMemory({ BUN_JSC_forceRAMSize: "100" }, 3)).toEqual({ BUN_JSC_forceRAMSize: "33" });
    expect(partOfMemory({}, 3)).toEqual({});
  });
});
