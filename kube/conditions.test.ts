import { describe, expect, it } from "vitest";
import { setCondition } from "./conditions.ts";

const ready = { type: "Ready", status: "True", reason: "Up", message: "", observedGeneration: 1 } as const;

describe("setCondition", () => {
  it("moves lastTransitionTime when the status changes, and only then", () => {
    const first = setCondition(undefined, ready, Date.UTC(2026, 0, 1));
    expect(first).toEqual([{ ...ready, lastTransitionTime: "2026-01-01T00:00:00Z" }]);
    const same = setCondition(
      first,
      { ...ready, reason: "StillUp", observedGeneration: 2 },
      Date.UTC(2026, 0, 2),
    );
    expect(same).toMatchObject([
      { reason: "StillUp", observedGeneration: 2, lastTransitionTime: "2026-01-01T00:00:00Z" },
    ]);
    const down = setCondition(same, { ...ready, status: "False" }, Date.UTC(2026, 0, 3));
    expect(down).toMatchObject([{ status: "False", lastTransitionTime: "2026-01-03T00:00:00Z" }]);
  });

  it("leaves other conditions and their order alone", () => {
    const other = { ...ready, type: "Other", lastTransitionTime: "2020-01-01T00:00:00Z" };
    const both = setCondition([other], ready, 0);
    expect(
      setCondition(both, { ...ready, type: "Other", status: "Unknown" }, 0).map(({ type }) => type),
    ).toEqual(["Other", "Ready"]);
  });
});
