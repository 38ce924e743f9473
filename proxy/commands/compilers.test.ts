import { describe, expect, it } from "vitest";
import { createCompilerDemotion } from "./compilers.ts";

/** Threads by id, in the order in which the kernel lists them: the main one first. */
function start(names: Record<string, string | undefined>) {
  const state = { names, demoted: [] as string[], named: 0, now: 0, busy: 0 };
  const demote = createCompilerDemotion(
    {
      list: () => Object.keys(state.names),
      name(id) {
        state.named++;
        return state.names[id];
      },
      defer: (id) => state.demoted.push(id),
      busyMs: () => state.busy,
    },
    () => state.now,
  );
  /** Looks after 50 ms, of which the loop was busy for so many. */
  const look = (busyMs = 10) => {
    state.now += 50;
    state.busy += busyMs;
    demote();
  };
  const pass = (ms: number, busyMs = 10) => {
    for (let passed = 0; passed < ms; passed += 50) look(busyMs);
  };
  return { state, look, pass };
}

/** One whose loop has been calm for long. */
function calm(names: Record<string, string | undefined>) {
  const started = start({ "10": "weft-proxy" });
  started.pass(2_000);
  started.state.named = 0;
  started.state.names = names;
  return started;
}

describe("the demotion of the runtime's compiler threads", () => {
  it("takes the compilers, and neither the loop nor the collector", () => {
    const { state, look } = calm({ "10": "weft-proxy", "11": "JITWorker", "12": "HeapHelper" });
    look();
    expect(state.demoted).toEqual(["11"]);
  });

  it("takes one that starts later, and leaves alone what it has seen", () => {
    const { state, look } = calm({ "10": "weft-proxy", "11": "JITWorker" });
    look();
    state.names = { "10": "weft-proxy", "11": "JITWorker", "12": "JITWorker" };
    look();
    look();
    expect(state.demoted).toEqual(["11", "12"]);
    expect(state.named).toBe(2);
  });

  it("takes one whose predecessor ended in the meantime", () => {
    const { state, look } = calm({ "10": "weft-proxy", "11": "JITWorker" });
    look();
    state.names = { "10": "weft-proxy", "12": "JITWorker" };
    look();
    expect(state.demoted).toEqual(["11", "12"]);
  });

  it("looks again at a thread that has not named itself yet", () => {
    const { state, look } = calm({ "10": "weft-proxy", "11": "weft-proxy" });
    look();
    state.names["11"] = "JITWorker";
    look();
    expect(state.demoted).toEqual(["11"]);
  });

  it("does not mind a thread that ends while it looks", () => {
    const { state, look } = calm({ "10": "weft-proxy" });
    state.names = { "10": "weft-proxy", "11": undefined };
    expect(look).not.toThrow();
    expect(state.demoted).toEqual([]);
  });

  it("waits for a second of calm, so that a proxy that starts into load compiles at once", () => {
    const { state, pass } = start({ "10": "weft-proxy", "11": "JITWorker" });
    pass(1_000);
    expect(state.demoted).toEqual([]);
    pass(50);
    expect(state.demoted).toEqual(["11"]);
  });

  it("leaves alone those that come while the loop has much to do, and takes them when it is calm again", () => {
    const { state, look, pass } = calm({ "10": "weft-proxy", "11": "JITWorker" });
    look(20);
    pass(950);
    expect(state.demoted).toEqual([]);
    pass(50);
    expect(state.demoted).toEqual(["11"]);
  });
});
