import { afterEach, describe, expect, it, vi } from "vitest";
import { deliver } from "./listen.ts";
import { Socket } from "./socket.ts";
import { TURN } from "./turn.ts";

afterEach(() => {
  TURN.end();
  vi.restoreAllMocks();
});

/** A clock that goes on by 1 with every look. */
function ticking(): void {
  let now = 0;
  vi.spyOn(performance, "now").mockImplementation(() => ++now);
}

describe("the time of a turn", () => {
  it("stands still within one, and is read when somebody asks", () => {
    ticking();
    TURN.begin();
    expect([TURN.now(), TURN.now(), TURN.now()]).toEqual([1, 1, 1]);
    TURN.begin();
    expect(TURN.now()).toBe(2);
  });

  it("goes on outside of turns", () => {
    ticking();
    TURN.begin();
    TURN.now();
    TURN.end();
    expect([TURN.now(), TURN.now()]).toEqual([2, 3]);
  });

  it("does a chore after events that are far enough apart, and never by itself", () => {
    let now = 1_000;
    vi.spyOn(performance, "now").mockImplementation(() => now);
    const chore = vi.fn();
    TURN.whileWorking(50, chore);
    const event = (at: number) => {
      now = at;
      TURN.begin();
      TURN.now();
      expect(chore).not.toHaveBeenCalled();
      TURN.end();
      const done = chore.mock.calls.length;
      chore.mockClear();
      return done;
    };
    expect([1_000, 1_049, 1_051, 1_060, 1_200].map(event)).toEqual([1, 0, 1, 0, 1]);
  });

  it("goes on after a handler that throws", () => {
    ticking();
    const raw = { fd: -1, write: () => 0, shutdown() {}, end() {}, terminate() {}, pause() {}, resume() {} };
    const socket = new Socket(raw, "127.0.0.1");
    socket.events = {
      data() {
        TURN.now();
        throw new Error("a bug");
      },
      writable() {},
      ended() {},
      closed() {},
    };
    expect(() => deliver(socket, Buffer.from("x"))).toThrow("a bug");
    expect([TURN.now(), TURN.now()]).toEqual([2, 3]);
  });
});
