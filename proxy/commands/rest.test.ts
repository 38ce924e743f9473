import { describe, expect, it } from "vitest";
import { collectAtRest } from "./rest.ts";

function start() {
  const state = {
    cpu: 200,
    carried: 0,
    collections: 0,
    forgotten: 0,
    dropped: 0,
    tick: () => {},
    ended: false,
  };
  const end = collectAtRest({
    cpuMs: () => state.cpu,
    carried: () => state.carried,
    collect: () => {
      state.collections += 1;
      state.cpu += 8;
    },
    forgetCode: () => {
      state.collections += 1;
      state.forgotten += 1;
      state.cpu += 12;
    },
    dropProgram: () => {
      state.dropped += 1;
    },
    every: (_ms, run) => {
      state.tick = run;
      return () => {
        state.ended = true;
      };
    },
  });
  return { state, end };
}

describe("a proxy that comes to rest", () => {
  it("collects once after its start, and no more while nothing happens", () => {
    const { state } = start();
    for (let i = 0; i < 5; i++) state.tick();
    expect(state.collections).toBe(1);
  });

  it("waits while there is work, and collects when it is over", () => {
    const { state } = start();
    state.tick();
    for (let i = 0; i < 5; i++) {
      state.cpu += 400;
      state.tick();
    }
    expect(state.collections).toBe(1);
    state.tick();
    expect(state.collections).toBe(2);
  });

  it("leaves the little that probes and scrapes cost alone", () => {
    const { state } = start();
    state.tick();
    state.cpu += 5;
    state.tick();
    expect(state.collections).toBe(1);
  });

  it("forgets the code of its start at once, and that of work once it has carried nothing for five minutes", () => {
    const { state } = start();
    state.tick();
    expect(state.forgotten).toBe(1);
    state.cpu += 400;
    state.carried += 1_000;
    state.tick();
    for (let i = 0; i < 98; i++) state.tick();
    expect(state).toMatchObject({ forgotten: 1, collections: 2 });
    state.tick();
    state.tick();
    expect(state.forgotten).toBe(2);
    for (let i = 0; i < 300; i++) state.tick();
    expect(state).toMatchObject({ forgotten: 2, collections: 3 });
  });

  it("keeps the code of a start that went on into work", () => {
    const { state } = start();
    for (let i = 0; i < 3; i++) {
      state.cpu += 400;
      state.carried += 1_000;
      state.tick();
    }
    for (let i = 0; i < 90; i++) state.tick();
    expect(state).toMatchObject({ forgotten: 0, collections: 1 });
  });

  it("keeps code that serves a request a second, however little that costs", () => {
    const { state } = start();
    state.tick();
    state.carried += 300;
    for (let i = 0; i < 1_000; i++) {
      state.cpu += 1;
      state.carried += 3;
      state.tick();
    }
    expect(state.forgotten).toBe(1);
  });

  it("forgets at once what a few requests and changes of the cluster around it have compiled", () => {
    const { state } = start();
    state.tick();
    state.cpu += 40;
    state.carried += 10;
    state.tick();
    state.tick();
    expect(state).toMatchObject({ forgotten: 2, collections: 2 });
  });

  it("lets go of its start's pages soon, however busy it is, and later of those of its last work", () => {
    const { state } = start();
    for (let i = 0; i < 3; i++) {
      state.cpu += 400;
      state.tick();
    }
    expect(state.dropped).toBe(1);
    for (let i = 0; i < 3; i++) state.tick();
    expect(state.dropped).toBe(2);
  });

  it("ends", () => {
    const { state, end } = start();
    end();
    expect(state.ended).toBe(true);
  });
});
