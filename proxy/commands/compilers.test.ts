import { describe, expect, it } from "vitest";
import { createCompilerDemotion } from "./compilers.ts";

/** Threads by id, in the order in which the kernel lists them: the main one first. */
function start(names: Record<string, string | undefined>) {
  const state = { names, demoted: [] as string[], named: 0 };
  const demote = createCompilerDemotion({
    list: () => Object.keys(state.names),
    name(id) {
      state.named++;
      return state.names[id];
    },
    yieldToAll: (id) => state.demoted.push(id),
  });
  return { state, demote };
}

describe("the demotion of the runtime's compiler threads", () => {
  it("takes the compilers, and neither the loop nor the collector", () => {
    const { state, demote } = start({ "10": "weft-proxy", "11": "JITWorker", "12": "HeapHelper" });
    demote();
    expect(state.demoted).toEqual(["11"]);
  });

  it("takes one that starts later, and leaves alone what it has seen", () => {
    const { state, demote } = start({ "10": "weft-proxy", "11": "JITWorker" });
    demote();
    state.names = { "10": "weft-proxy", "11": "JITWorker", "12": "JITWorker" };
    demote();
    demote();
    expect(state.demoted).toEqual(["11", "12"]);
    expect(state.named).toBe(3);
  });

  it("takes one whose predecessor ended in the meantime", () => {
    const { state, demote } = start({ "10": "weft-proxy", "11": "JITWorker" });
    demote();
    state.names = { "10": "weft-proxy", "12": "JITWorker" };
    demote();
    expect(state.demoted).toEqual(["11", "12"]);
  });

  it("looks again at a thread that has not named itself yet", () => {
    const { state, demote } = start({ "10": "weft-proxy", "11": "weft-proxy" });
    demote();
    state.names["11"] = "JITWorker";
    demote();
    expect(state.demoted).toEqual(["11"]);
  });

  it("does not mind a thread that ends while it looks", () => {
    const { state, demote } = start({ "10": "weft-proxy" });
    state.names = { "10": "weft-proxy", "11": undefined };
    expect(demote).not.toThrow();
    expect(state.demoted).toEqual([]);
  });
});
