import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { nextRemovalStep, type Remains } from "./removal.ts";

const everything: Remains = {
  injected: 0,
  isForced: false,
  webhooks: true,
  sinceWebhooksMs: 0,
  controlPlane: true,
  controlPods: 2,
  compiled: true,
  access: true,
  authority: true,
};

/** Carries out step after step on what is left, as the API server would; returns the steps. */
function takeDown(start: Remains): string[] {
  const steps: string[] = [];
  let remains = start;
  for (let count = 0; count < 20; count++) {
    const step = nextRemovalStep(remains);
    steps.push(step.do);
    switch (step.do) {
      case "delete-webhooks":
        remains = { ...remains, webhooks: false };
        break;
      case "wait":
        remains = step.for.includes("pods")
          ? { ...remains, controlPods: 0 }
          : { ...remains, sinceWebhooksMs: remains.sinceWebhooksMs + step.ms };
        break;
      case "delete-control-plane":
        remains = { ...remains, controlPlane: false };
        break;
      case "delete-compiled":
        remains = { ...remains, compiled: false };
        break;
      case "delete-access":
        remains = { ...remains, access: false };
        break;
      case "delete-authority":
        remains = { ...remains, authority: false };
        break;
      default:
        return steps;
    }
  }
  throw new Error(`never ends: ${steps.join(", ")}`);
}

describe("taking an installation down", () => {
  it("goes by the order that leaves nobody waiting for what is gone", () => {
    expect(takeDown(everything)).toEqual([
      "delete-webhooks",
      "wait",
      "delete-control-plane",
      "wait",
      "delete-compiled",
      "delete-access",
      "delete-authority",
      "finish",
    ]);
  });

  it("does not begin while workloads need it", () => {
    expect(takeDown({ ...everything, injected: 1 })).toEqual(["wait-for-workloads"]);
  });

  it("when forced leaves the configuration that sidecars still run from, and the authority they trust", () => {
    const steps = takeDown({ ...everything, injected: 1, isForced: true });
    expect(steps).not.toContain("delete-compiled");
    expect(steps).not.toContain("delete-authority");
    expect(steps.at(-1)).toBe("finish");
  });

  it("goes on from wherever it was interrupted, and always ends", () => {
    const booleans = {
      webhooks: fc.boolean(),
      controlPlane: fc.boolean(),
      compiled: fc.boolean(),
      access: fc.boolean(),
    };
    const remains = fc.record({
      ...booleans,
      isForced: fc.constant(true),
      authority: fc.boolean(),
      injected: fc.nat(3),
      controlPods: fc.nat(3),
      sinceWebhooksMs: fc.nat(5_000),
    });
    fc.assert(
      fc.property(remains, (start) => {
        const steps = takeDown(start);
        expect(steps.at(-1)).toBe("finish");
        // The key that cannot be made again goes when nothing else is left.
        if (start.authority && start.injected === 0) expect(steps.at(-2)).toBe("delete-authority");
      }),
    );
  });
});
