import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { MeshView } from "../config/view.ts";
import { FIRST_VIEW_MS, firstView } from "./first-view.ts";

/** A source without a view until `arrive`. */
function source() {
  const listeners = new Set<() => void>();
  let view: MeshView | undefined;
  return {
    config: {
      view: () => view,
      onChange(listener: () => void) {
        listeners.add(listener);
        return () => listeners.delete(listener);
      },
    },
    arrive() {
      view = { trustDomain: "td" } as MeshView;
      for (const listener of listeners) listener();
    },
    change() {
      for (const listener of listeners) listener();
    },
    listeners,
  };
}

describe("a call before there is configuration", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it("goes on as soon as there is a view", async () => {
    const { config, arrive, change, listeners } = source();
    const waiting = firstView(config);
    change();
    expect(listeners.size).toBe(1);
    arrive();
    expect((await waiting)?.trustDomain).toBe("td");
    expect(listeners.size).toBe(0);
    expect(vi.getTimerCount()).toBe(0);
  });

  it("gives up after a while", async () => {
    const { config, listeners } = source();
    const waiting = firstView(config);
    await vi.advanceTimersByTimeAsync(FIRST_VIEW_MS);
    expect(await waiting).toBeUndefined();
    expect(listeners.size).toBe(0);
  });
});
